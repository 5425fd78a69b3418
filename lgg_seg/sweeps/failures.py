"""A failed cell is a row with its reason: put down in its folder, said at once, counted at the end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lgg_seg.errors import UserError
from lgg_seg.runs.folder import RunFolder
from lgg_seg.sweeps.retries import STATUS, latest_attempts

log = logging.getLogger(__name__)


def record_failure(
    folder: RunFolder, reason: str, words: Sequence[str], config: DictConfig | None, details: str | None = None
) -> None:
    """Write what failed and why, and say it in one line.

    Args:
        folder: may be missing yet, or hold what the run has written so far, which stays.
        config: None where the words do not even make one.
        details: a traceback, for `run.log` alone.
    """
    log.error("%s failed: %s", folder.path.name, reason)
    try:
        with folder.writing("overrides.yaml") as path:
            OmegaConf.save(OmegaConf.create(list(words)), path)
        if config is not None and not (folder.path / "config.yaml").exists():
            _write_config(folder, config)
        with (folder.path / "run.log").open("a", encoding="utf-8") as file:
            file.write(f"{details or ''}failed: {reason}\n")
        folder.set_status("failed", reason)
    except (UserError, OSError) as error:  # a full disk is often why it failed
        log.error("%s cannot be recorded: %s", folder.path.name, error)


def failures(sweep: Path) -> dict[Path, int]:
    """The failed cells of a sweep's folder, each with the time its status was written, in ns."""
    failed = (path for path in latest_attempts(sweep) if RunFolder(path).read_json(STATUS)["state"] == "failed")
    return {path: (path / STATUS).stat().st_mtime_ns for path in failed}


def _write_config(folder: RunFolder, config: DictConfig) -> None:
    try:
        text = OmegaConf.to_yaml(config, resolve=True)
    except OmegaConfBaseException:  # what cannot be resolved may be why it failed
        text = OmegaConf.to_yaml(config, resolve=False)
    with folder.writing("config.yaml") as path:
        path.write_text(text, encoding="utf-8")
