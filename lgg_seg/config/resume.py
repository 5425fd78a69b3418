"""The arguments of `resume=RUN`."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lgg_seg.config.overrides import ALIASES
from lgg_seg.errors import UserError, require

_BESIDE_RESUME = ("resume", "device", "trainer.max_epochs", "data.root")


class ResumeArguments(NamedTuple):
    """The arguments beside and in `resume=RUN`; None where one is not given."""

    run: Path
    device: str | None
    max_epochs: int | None
    root: Path | None


def resume_arguments(arguments: Sequence[str]) -> ResumeArguments | None:
    """What `resume=RUN` is to go on with; None without it. A resumed run keeps its own config otherwise."""
    typed = [argument.partition("=") for argument in arguments]
    given = {key if key in _BESIDE_RESUME else ALIASES.get(key, key): value for key, _, value in typed}
    if "resume" not in given:
        return None
    others = [f"{key}={value}" for key, value in given.items() if key not in _BESIDE_RESUME]
    if len(given) < len(arguments):
        raise UserError(f"{' '.join(arguments)} names something twice; resume one run, on one device.")
    if others:
        raise UserError(
            f"resume= goes on with the run's own config, of which only {' and '.join(_BESIDE_RESUME[2:])} may change; "
            f"take away {' '.join(others)}, or start a new run with it."
        )
    if not given["resume"]:
        raise UserError("resume= needs the folder of a run, for example resume=runs/unet_bn/2026-01-31_12-00-00.")
    device, epochs, root = (given.get(key) for key in _BESIDE_RESUME[1:])
    require(device in (None, "auto", "cpu", "gpu", "mps"), "device", device, "auto, cpu, gpu or mps")
    count = epochs is None or (epochs.isascii() and epochs.isdigit() and int(epochs) >= 1)
    require(count, "trainer.max_epochs", epochs, "a whole number, 1 or more")
    require(root != "", "data.root", root, "the folder of the data set")
    return ResumeArguments(
        Path(given["resume"]),
        device,
        int(epochs) if epochs else None,
        Path(root) if root else None,
    )
