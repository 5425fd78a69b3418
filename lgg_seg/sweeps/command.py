"""`python -m lgg_seg -m …`, from its overrides to its exit code."""

import logging
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser

from lgg_seg.cli.logs import configure_logs
from lgg_seg.config.groups import groups
from lgg_seg.config.overrides import make_output_folder
from lgg_seg.errors import UserError
from lgg_seg.sweeps.naming import SWEEP_DIR, sweep_folder

log = logging.getLogger(__name__)


def run_sweep(overrides: list[str], launch: Callable[[], object]) -> int:
    """Run a sweep in the folder that follows from its overrides, and write its leaderboard there.

    `launch` starts Hydra, which reads the process's own arguments. The exit code is 1 where a job has failed.
    """
    from lgg_seg.sweeps.retries import failures
    from lgg_seg.training.processes import started_together

    if (started := started_together()[0]) > 1:
        raise UserError(f"{started} processes were started, and each would run the whole sweep; start it once.")
    folder = sweep_folder(overrides)
    make_output_folder(str(folder), SWEEP_DIR)
    sys.argv = [leave_to_jobs(one) if one in overrides else one for one in sys.argv] + [f"{SWEEP_DIR}='{folder}'"]
    configure_logs()
    before = failures(folder)
    try:
        launch()
    except (KeyboardInterrupt, SystemExit) as end:
        code = 128 + signal.SIGINT if isinstance(end, KeyboardInterrupt) else end.code
        if code in (128 + signal.SIGINT, 128 + signal.SIGTERM):
            log.warning("the sweep is interrupted; the same command goes on with what is missing")
            raise SystemExit(code) from None
        if isinstance(code, str):  # a sentence for the user; what has finished is printed all the same
            _conclude(folder)
        raise
    _conclude(folder)
    return 1 if set(failures(folder).items()) - set(before.items()) else 0


def leave_to_jobs(override: str) -> str:
    """A fixed value as a choice of one, which Hydra applies in each job alone, not before it knows their members.

    Else `-m model=unet,unet_slim model.alpha=0.5` would end at once, because the default model has no `alpha`.
    """
    (parsed,) = OverridesParser.create().parse_overrides([override])
    plain = not (parsed.is_sweep_override() or parsed.is_hydra_override() or parsed.is_delete())
    key, _, value = override.partition("=")
    if not plain or key in groups() or parsed.value() == "":  # a group's member is needed before
        return override
    # Hydra takes no null in choice(), but does in a list of values.
    return f"{key}=null,null" if parsed.value() is None else f"{key}=choice({value})"


def _conclude(folder: Path) -> None:
    """Write and print the leaderboard over the last attempt at every job."""
    from lgg_seg.compare import compare_folders
    from lgg_seg.sweeps.retries import latest_attempts, mark_interrupted

    runs = latest_attempts(folder)
    states = Counter(mark_interrupted(run) for run in runs)
    configure_logs()
    if runs:
        try:
            compare_folders(runs, folder)
        except UserError as error:
            log.error("no leaderboard: %s", error)
    print(f"sweep folder: {folder} ({', '.join(f'{count} {state}' for state, count in sorted(states.items()))})")
