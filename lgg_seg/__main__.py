"""The command line: `python -m lgg_seg [-m] group=member key=value …`, or `resume=RUN [key=value …]`."""

import os
import shlex
import shutil
import sys
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, cast

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from lgg_seg.cli.arguments import with_home
from lgg_seg.cli.console import command
from lgg_seg.config.aliases import without_aliases
from lgg_seg.config.groups import CONFIG_NAME, conf_dir
from lgg_seg.config.help import help_text
from lgg_seg.config.overrides import check_overrides, make_output_folder
from lgg_seg.config.resume import resume_arguments
from lgg_seg.config.validation import check_config
from lgg_seg.errors import UserError, explained

if TYPE_CHECKING:
    from lgg_seg.devices import Accelerator


_there: set[Path] = set()
"""The folder that a run is to have and those above it, as far as they were there before it; empty: nobody knows."""

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
"""Where torchrun, Lightning and Slurm tell a process which one it is; the main one is 0 in all."""

COMMANDS = ("app", "bench", "compare", "data", "evaluate", "export", "lr_find", "predict", "radiomics", "zoo")
"""The commands that stand beside training: `python -m lgg_seg.NAME`."""


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name=CONFIG_NAME)
def job(config: DictConfig) -> float | None:
    """One run, alone or as a job of a sweep, whose score it returns."""
    # Heavy imports come only after the command line is checked.
    hydra_config = cast(DictConfig, HydraConfig.get())
    if hydra_config.mode == RunMode.MULTIRUN:
        from lgg_seg.sweeps.job import hydra_job

        return hydra_job(config, hydra_config)

    from lgg_seg.train import run

    folder = Path(hydra_config.runtime.output_dir)
    is_new = not any(folder.iterdir())
    try:
        with explained():
            check_config(config)
            run(config, folder, list(hydra_config.overrides.task))
        return None
    except UserError as error:
        if is_new and not (folder / "provenance.json").exists():  # refused before its first step
            remove_refused(folder)
        raise SystemExit(str(error)) from error  # past Hydra's traceback, to `command`


def remove_refused(folder: Path) -> None:
    """Remove what a refused run has made: its content, its folder, and those above it, but for what was there before.

    The folder was empty when the run began. Of the processes of a distributed run the main one alone removes content:
    what another finds there is the main one's.
    """
    is_main = all(os.environ.get(name, "0") == "0" for name in RANKS)
    with suppress(OSError):  # one holds more by now
        for entry in folder.iterdir() if is_main else ():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        for one in takewhile(lambda one: _there and one not in _there, (folder, *folder.parents)):
            one.rmdir()


@command
def main(arguments: list[str]) -> int:
    """Train, sweep or resume."""
    arguments = ["=".join(map(with_home, argument.split("=", 1))) for argument in arguments]
    if arguments == ["help"]:  # as the other commands take it, too
        arguments = ["--help"]
    if arguments and arguments[0] in (*COMMANDS, "train"):
        word, *rest = arguments
        if word == "train":
            raise UserError(f"To train, leave the word out: python -m lgg_seg {shlex.join(rest)}")
        raise UserError(f"{word} is a command of its own: python -m lgg_seg.{word} {shlex.join(rest)}")
    asked = resume_arguments(arguments)
    if asked is not None:
        from lgg_seg.train import resume
        from lgg_seg.training.resumption import Changes

        resume(asked.run, cast("Accelerator | None", asked.device), Changes(asked.max_epochs, asked.root))
        return 0
    arguments = sys.argv[1:] = without_aliases(arguments)  # Hydra reads the process's own arguments
    parser = get_args_parser()
    flags = parser.parse_intermixed_args(arguments)
    sweep = flags.multirun or "hydra.mode=MULTIRUN" in flags.overrides
    prints = flags.cfg or flags.help or flags.hydra_help or flags.info or flags.shell_completion
    own_configs = flags.config_name or flags.config_path or flags.experimental_rerun
    folder = None
    if not (own_configs or flags.shell_completion):
        folder = check_overrides(flags.overrides, sweep=sweep, values=not prints, config_dir=flags.config_dir)
    if flags.package and not flags.cfg:
        raise UserError("-p prints a part of the config; say which config with --cfg job, hydra or all.")
    if prints and flags.multirun:
        raise UserError("A config is printed of one run; leave -m out, and all but one value of each key.")
    if flags.help and not (own_configs or flags.config_dir):
        print(help_text(flags.overrides))
        return 0
    if not prints:
        if sweep:
            from lgg_seg.sweeps.command import run_sweep

            return run_sweep(flags.overrides, job)
        named = [one.partition("=")[2] for one in flags.overrides if one.startswith("hydra.run.dir=")]
        if folder is not None:
            full = Path(Path(folder).resolve())  # as Hydra has it
            _there.update(one for one in (full, *full.parents) if one.exists())
        make_output_folder(named[-1].strip("'\"") if named else "runs", "hydra.run.dir")
    job()
    return 0


if __name__ == "__main__":
    sys.exit(main())
