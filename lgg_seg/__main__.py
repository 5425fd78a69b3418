"""The command line: `python -m lgg_seg [-m] group=member key=value …`, or `resume=RUN` alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from lgg_seg.errors import UserError
from lgg_seg.utils.check import check_config
from lgg_seg.utils.conf import CONFIG_NAME, conf_dir
from lgg_seg.utils.overrides import check_overrides, make_output_folder, run_folder_argument
from lgg_seg.utils.terminal import command


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name=CONFIG_NAME)
def job(config: DictConfig) -> float | None:
    """One run, alone or as a cell of a sweep, whose score it returns."""
    # Heavy imports come only once the command line is known to be right.
    hydra_config = cast(DictConfig, HydraConfig.get())
    if hydra_config.mode == RunMode.MULTIRUN:
        from lgg_seg.sweeps.job import run_job

        return run_job(config, hydra_config)

    from lgg_seg.train import run

    try:
        check_config(config)
        run(config, Path(hydra_config.runtime.output_dir), list(hydra_config.overrides.task))
        return None
    except UserError as error:
        raise SystemExit(str(error)) from error  # past Hydra's traceback, to `command`


@command
def main(words: list[str]) -> int:
    """Train, sweep or resume."""
    folder = run_folder_argument(words)
    if folder is not None:
        from lgg_seg.train import resume

        resume(folder)
        return 0
    flags = [word for word in words if word.startswith("-")]
    overrides = _overrides(words)
    sweep = bool({"-m", "--multirun"} & set(flags)) or "hydra.mode=MULTIRUN" in overrides
    if not {"--help", "-h", "--hydra-help", "--info", "-i", "--version", "--shell-completion", "-sc"} & set(flags):
        check_overrides(overrides, sweep=sweep)
        only_shown = bool({"--cfg", "-c"} & {flag.partition("=")[0] for flag in flags})
        if sweep:
            if only_shown:
                raise UserError("--cfg shows the config of one run; leave -m and all but one value of each key out.")
            from lgg_seg.sweeps.command import run_sweep

            return run_sweep(overrides, job)
        if not only_shown:
            named = [word.partition("=")[2] for word in overrides if word.startswith("hydra.run.dir=")]
            make_output_folder(named[-1].strip("'\"") if named else "runs", "hydra.run.dir")
    job()  # Hydra reads the process's own words
    return 0


def _overrides(words: list[str]) -> list[str]:
    """The words that are neither flags nor the values of flags."""
    with_value = {"--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--cfg", "-c"}
    kept: list[str] = []
    previous = ""
    for word in words:
        if not word.startswith("-") and previous not in with_value:
            kept.append(word)
        previous = word
    return kept


if __name__ == "__main__":
    sys.exit(main())
