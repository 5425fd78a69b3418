"""`python -m lgg_seg.lr_find group=member key=value …`: the learning rate at which a training's loss falls fastest."""

import inspect
import shlex
import sys
import time
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from lgg_seg.cli.arguments import Argument, help_lines, parse_arguments, wants_help, with_home
from lgg_seg.cli.console import command
from lgg_seg.cli.logs import configure_logs
from lgg_seg.config.aliases import without_aliases
from lgg_seg.config.overrides import check_overrides, compose_config
from lgg_seg.errors import UserError, explained, require
from lgg_seg.files import writable

USAGE = "python -m lgg_seg.lr_find [group=member key=value … of the training] [key=value …]"
REMEDY = "give another output=."
FEWEST = 20  # steps of which a curve can be smoothed


def lr_find(
    *overrides: str,
    min_lr: Annotated[float, Argument("the first learning rate")] = 1e-6,
    max_lr: Annotated[float, Argument("the last one")] = 1.0,
    num_training: Annotated[int, Argument("optimizer steps, each with a rate of its own")] = 100,
    output: Annotated[
        Path | None, Argument("a new folder for lr_find.png and lr_find.csv; null: one below runs/lr_find")
    ] = None,
) -> float:
    """Train for some steps, each with a larger learning rate, and suggest that at which the loss falls fastest.

    Nothing else is left of that training, whose config `overrides` make; its schedule, callbacks and loggers have no
    part.

    Returns:
        the suggestion.
    """
    require(0 < min_lr < max_lr < float("inf"), "min_lr", min_lr, "above 0 and below max_lr")
    require(num_training >= FEWEST, "num_training", num_training, f"{FEWEST} or more")
    words = without_aliases(overrides)
    check_overrides(words, sweep=False)
    config = compose_config(words)
    path = output or Path("runs", "lr_find", f"{config.name}_{time.strftime('%Y-%m-%d_%H-%M-%S')}")
    with writable(path, REMEDY):
        path.mkdir(parents=True)

    import numpy as np
    import pandas as pd

    from lgg_seg.reporting.figures import lr_curve, write_png
    from lgg_seg.runs.folder import AtomicFolder
    from lgg_seg.training.lr_finder import find_lr

    folder = AtomicFolder(path, REMEDY)
    configure_logs()
    try:
        with explained():
            curve = find_lr(config, np.geomspace(min_lr, max_lr, num_training), folder)
    except BaseException:
        with suppress(OSError):  # what a profiler has written stays
            path.rmdir()
        raise
    smoothed, suggestion = curve.smoothed, curve.suggestion
    table = pd.DataFrame({"lr": curve.rates, "loss": curve.losses, "smoothed_loss": smoothed})
    figure = lr_curve(curve.rates, curve.losses, smoothed, suggestion, f"learning rates of {config.name}")
    folder.write_table("lr_find.csv", table)
    with folder.writing("lr_find.png") as file:
        write_png(figure, file, 150)
    print(f"the loss at {len(curve.rates)} learning rates: {folder.display_path / 'lr_find.png'} and lr_find.csv")
    if suggestion is None:
        raise UserError(f"The loss falls at no rate from {min_lr:g} to {curve.rates[-1]:.2g}; give another max_lr=.")
    return suggestion


@command
def main(arguments: list[str]) -> int:
    if wants_help(arguments):
        print(f"usage: {USAGE}\n\n{help_lines(lr_find)}")
        return 0
    flags = ArgumentParser(prog=USAGE, add_help=False, allow_abbrev=False)
    flags.add_argument("--config-dir", type=Path)
    given, words = flags.parse_known_args(arguments)
    own = [one for one in words if one.partition("=")[0] in inspect.signature(lr_find).parameters]
    overrides = ["=".join(map(with_home, one.split("=", 1))) for one in words if one not in own]
    if given.config_dir is not None:
        overrides.insert(0, f"hydra.searchpath={[f'file://{given.config_dir.absolute()}']}")
    if wrong := next((one for one in overrides if one.startswith(("-", "resume="))), None):
        raise UserError(f"{wrong} is not for lr_find: it takes the words of one new training.")
    suggestion = lr_find(*overrides, **parse_arguments(own, lr_find))
    kept = [one for one in without_aliases(overrides) if not one.startswith("optimizer.lr=")]
    print(f"it falls fastest at {suggestion:.2g}: a rate to start from, if it is not too high for a whole training")
    print(f"python -m lgg_seg {shlex.join([*kept, f'optimizer.lr={suggestion:.2g}'])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
