"""`python -m lgg_seg -m …` from its words to its exit code."""

from __future__ import annotations

import logging
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser

from lgg_seg.cli.console import terminable
from lgg_seg.cli.logs import configure_logs
from lgg_seg.config.groups import groups
from lgg_seg.config.overrides import make_output_folder
from lgg_seg.errors import UserError
from lgg_seg.sweeps.naming import FOLDER, sweep_folder

log = logging.getLogger(__name__)
FAILED = 1


def run_sweep(overrides: list[str], launch: Callable[[], object]) -> int:
    """Run a sweep in the folder that its words name, and put its leaderboard there.

    Args:
        overrides: the words, without flags.
        launch: starts Hydra, which reads the process's own words.

    Returns:
        the exit code: 1 where a cell of this sweep has failed.
    """
    from lgg_seg.sweeps.failures import failures

    folder = sweep_folder(overrides)
    make_output_folder(str(folder), FOLDER)
    sys.argv = [left_to_jobs(word) if word in overrides else word for word in sys.argv] + [f"{FOLDER}='{folder}'"]
    configure_logs()
    before = failures(folder)
    with _terminable():
        try:
            launch()
        except SystemExit as end:
            if isinstance(end.code, str):  # a sentence for the user; what has finished is shown all the same
                _conclude(folder)
            raise
    _conclude(folder)
    return FAILED if set(failures(folder).items()) - set(before.items()) else 0


def left_to_jobs(word: str) -> str:
    """A fixed value as a choice of one, which Hydra applies in each job alone, not before it knows their members.

    Else `-m model=unet,unet_slim model.alpha=0.5` would end at once, because the default model has no `alpha`.
    """
    (override,) = OverridesParser.create().parse_overrides([word])
    plain = not (override.is_sweep_override() or override.is_hydra_override() or override.is_delete())
    key, _, value = word.partition("=")
    if not plain or key in groups() or override.value() == "":  # a group's member must be known before
        return word
    # Hydra takes no null in choice(), but does in a list of values.
    return f"{key}=null,null" if override.value() is None else f"{key}=choice({value})"


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM and Ctrl-C end the whole sweep, its workers too, and say how to go on."""

    try:
        with terminable():
            yield
    except (KeyboardInterrupt, SystemExit) as end:
        stopped = 128 + signal.SIGINT if isinstance(end, KeyboardInterrupt) else end.code
        if stopped in (128 + signal.SIGINT, 128 + signal.SIGTERM):
            log.warning("the sweep is interrupted; the same command goes on with what is missing")
            raise SystemExit(stopped) from None
        raise


def _conclude(folder: Path) -> None:
    """Write and print the leaderboard over the last attempt at every cell."""
    from lgg_seg.compare import compare_folders
    from lgg_seg.sweeps.retries import latest_attempts, settle

    cells = latest_attempts(folder)
    states = Counter(settle(cell) for cell in cells)
    configure_logs()
    if cells:
        try:
            compare_folders(cells, folder)
        except UserError as error:
            log.error("no leaderboard: %s", error)
    print(f"sweep folder: {folder} ({', '.join(f'{count} {state}' for state, count in sorted(states.items()))})")
