"""The network that the page uses, loaded once for the process that serves it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from lgg_seg.app.uploads import Volume
from lgg_seg.cli.arguments import Argument, parse_arguments
from lgg_seg.errors import UserError
from lgg_seg.hardware import Accelerator, choose_hardware, configure_process
from lgg_seg.inference.model import Model
from lgg_seg.inference.runner import Probability, TorchRunner
from lgg_seg.inference.trained import TrainedModel, from_run, from_zoo

DEFAULT = "unet_slim"


@dataclass(frozen=True)
class Loaded:
    """A network ready to use, and where it came from."""

    model: Model
    trained: TrainedModel


def load(
    run: Annotated[Path | None, Argument("a run's folder")] = None,
    zoo: Annotated[str | None, Argument(f"a model that ships with the package; without run, {DEFAULT}")] = None,
    device: Annotated[Accelerator, Argument("auto, cpu, gpu or mps")] = "auto",
) -> Loaded:
    """Load the network of a run or of the zoo.

    Raises:
        UserError: both are named; there is none such; it makes no masks; the device is not there.
    """
    if run is not None and zoo is not None:
        raise UserError("run= and zoo= are both given; the page shows one network: leave one of them out.")
    trained = from_run(run) if run is not None else from_zoo(zoo or DEFAULT)
    configure_process()
    return Loaded(Model([(trained, TorchRunner(trained.network, choose_hardware(device, "auto")))]), trained)


def loaded(words: Sequence[str]) -> Loaded:
    """`load` of `key=value` words, once a process for the same words.

    Raises:
        UserError: as `load`, or the words are wrong.
    """
    return _once(tuple(words))


@functools.cache
def _once(words: tuple[str, ...]) -> Loaded:
    return load(**parse_arguments(words, load))


def probability(model: Model, volume: Volume) -> Probability:
    """P(tumour) of every pixel: float32 (D, H, W), which nobody may write to, since it is kept.

    Raises:
        UserError: the memory does not suffice; the network gives what is no number.
    """
    try:
        found = model.predict(volume.scan.images)
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):  # PyTorch has no error of its own for a CPU
            raise
        raise UserError("The memory does not suffice for this volume; start the page with device=cpu.") from error
    found.setflags(write=False)
    return found
