"""The arguments of `resume=RUN`."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, get_args

from lgg_seg.config.aliases import without_aliases
from lgg_seg.devices import Accelerator
from lgg_seg.errors import UserError, require

RESUME = "resume"
_DEVICE, _EPOCHS, _ROOT = _BESIDE = ("trainer.accelerator", "trainer.max_epochs", "data.root")
"""A training's keys that a resumed run takes, too."""


class ResumeArguments(NamedTuple):
    """The arguments beside and in `resume=RUN`; None where one is not given."""

    run: Path
    device: str | None
    max_epochs: int | None
    root: Path | None


def resume_arguments(arguments: Sequence[str]) -> ResumeArguments | None:
    """What `resume=RUN` is to go on with; None without it. A resumed run keeps its own config otherwise."""
    typed = [argument.partition("=") for argument in without_aliases(arguments)]
    given = {key: value for key, _, value in typed}
    if RESUME not in given:
        return None
    others = [f"{key}={value}" for key, value in given.items() if key not in (RESUME, *_BESIDE)]
    if len(given) < len(arguments):
        raise UserError(f"{' '.join(arguments)} names something twice; resume one run, on one device.")
    if others:
        place = given.get("trainer")
        instead = f" and say device={place}" if place in get_args(Accelerator) else ""
        raise UserError(
            f"resume= goes on with the run's own config, of which only {_EPOCHS} and {_ROOT} may change; "
            f"take away {' '.join(others)}{instead}, or start a new run with it."
        )
    if not given[RESUME]:
        raise UserError("resume= needs the folder of a run, for example resume=runs/unet_bn/2026-01-31_12-00-00.")
    device, epochs, root = (given.get(key) for key in _BESIDE)
    require(device in (None, *get_args(Accelerator)), "device", device, "auto, cpu, gpu (or cuda) or mps")
    count = epochs is None or (epochs.isascii() and epochs.isdigit() and int(epochs) >= 1)
    require(count, _EPOCHS, epochs, "a whole number, 1 or more")
    require(root != "", _ROOT, root, "the folder of the data set")
    return ResumeArguments(
        Path(given[RESUME]),
        device,
        int(epochs) if epochs else None,
        Path(root) if root else None,
    )
