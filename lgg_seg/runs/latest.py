"""`latest` in place of a run's folder."""

import logging
from contextlib import suppress
from pathlib import Path

from lgg_seg.errors import UserError
from lgg_seg.runs.folder import RunFolder

log = logging.getLogger(__name__)

LATEST = "latest"
RUNS = Path("runs")


def find_run(path: Path, *, unfinished: bool = False) -> Path:
    """The path itself, or for `latest` the run below runs/ that ended last; one to go on with, if `unfinished`."""
    if path != Path(LATEST) or path.is_dir():
        return path
    for status in sorted(RUNS.rglob("status.json"), key=lambda file: file.stat().st_mtime, reverse=True):
        with suppress(UserError):  # a damaged one is another run's
            if (RunFolder(status.parent).read_json(status.name)["state"] == "finished") != unfinished:
                log.info("the latest run is %s", status.parent)
                return status.parent
    kind = "unfinished" if unfinished else "finished"
    raise UserError(f"latest: there is no {kind} run below {RUNS}; name the folder of one.")
