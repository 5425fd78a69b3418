"""Trained networks with their preprocessing: a volume as it was scanned in, probabilities on its own grid out."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from lgg_seg.data.grid import Grid
from lgg_seg.data.kaggle.listing import barcode, named_in
from lgg_seg.data.preprocessing import Preprocess
from lgg_seg.devices import Accelerator, Precision
from lgg_seg.errors import UserError
from lgg_seg.hardware import choose_hardware
from lgg_seg.inference.runner import (
    POSTPROCESSES,
    Probability,
    Runner,
    binarise,
    slice_probabilities,
    volume_probabilities,
)
from lgg_seg.inference.trained import TrainedModel, restore
from lgg_seg.inference.zoo import DEFAULT
from lgg_seg.metrics.arrays import Bools, Floats32, check_range

_AXES = "(slices, height, width, 3)"


class Model:
    """One or more trained networks that segment, and the preprocessing of each; of several, probabilities average.

    Args:
        members: the networks, each with its runner.
        threshold: lowest probability of tumour; by default as tested, of several the mean.
        postprocess: a name of `runner.POSTPROCESSES`; by default as tested, and `none` where members differ.
        tta: test-time augmentation, see `runner.volume_probabilities`; by default as tested, of several if all were.
    """

    def __init__(
        self,
        members: Sequence[tuple[TrainedModel, Runner]],
        threshold: float | None = None,
        postprocess: str | None = None,
        tta: bool | None = None,
    ) -> None:
        self.members = list(members)
        for trained, _ in members:
            if trained.target is not None:
                raise UserError(
                    f"{trained.name} is a classifier, which makes no masks; give it as classifier= instead."
                )
        thresholds = [trained.threshold for trained, _ in self.members]
        self.threshold = float(np.mean(thresholds)) if threshold is None else threshold
        as_tested = {trained.postprocess for trained, _ in self.members}
        self.postprocess = postprocess or (as_tested.pop() if len(as_tested) == 1 else "none")
        if self.postprocess not in POSTPROCESSES:
            raise UserError(f"postprocess is {self.postprocess!r}; choose from {', '.join(POSTPROCESSES)}.")
        self.tta = all(trained.tta for trained, _ in self.members) if tta is None else tta

    @property
    def name(self) -> str:
        """The members' names."""
        return " + ".join(trained.name for trained, _ in self.members)

    @property
    def network(self) -> nn.Module:
        """The first member's network: normalised images `(B, C, H, W)`, any H and W, to logits `(B, 1, H, W)`."""
        return self.members[0][0].network

    @property
    def preprocess(self) -> Preprocess:
        """The first member's preprocessing."""
        return self.members[0][0].preprocess

    def predict(self, volume: NDArray[np.uint8]) -> Probability:
        """P(tumour) of every pixel: float32 (D, H, W).

        Args:
            volume: uint8 (D, H, W, 3), the slices of one patient in order, channels pre-contrast, FLAIR,
                post-contrast; FLAIR itself in place of a sequence that was not acquired. Intensities are normalised
                by the statistics of this volume, so give all its slices at once.

        Raises:
            UserError: the array is of another type or shape; the network gives what is no number.
        """
        total = reduce(add, (_probability(trained, runner, volume, self.tta) for trained, runner in self.members))
        return total / np.float32(len(self.members))

    def mask(self, probability: Probability) -> Bools:
        """The tumour, bool (D, H, W), of the result of `predict`."""
        return binarise(probability, self.threshold, self.postprocess)

    def warnings(self, slices: int) -> tuple[str, ...]:
        """What a reader of the result for a volume of so many slices should know."""
        if slices > 1 or not any(trained.preprocess.context for trained, _ in self.members):
            return ()
        return ("the network looks at the slices above and below: this one stands in for both",)

    @property
    def all_recorded(self) -> bool:
        """Whether all are known who trained a member, chose its checkpoint, or shaped what it started from."""
        return all(trained.all_recorded for trained, _ in self.members)

    def was_trained_on(self, digest: str, *names: str) -> bool | None:
        """Whether a member was trained on a volume, or its checkpoint chosen on it; None if nobody can tell.

        The volume's digest decides, and so does TCGA's barcode in one of its `names`: paths, folders and
        identifiers. Without either, the volume may be a patient of the training resized or under another name.
        """
        known = {name: of for trained, _ in self.members for name, of in trained.training_volumes.items()}
        if digest in known.values() or any(named_in(name, known) for name in names):
            return True
        return False if self.all_recorded and any(barcode(name) for name in names) else None


class VolumeClassifier:
    """A trained slice classifier: a volume in, the probability of the positive class for each of its slices out."""

    def __init__(self, trained: TrainedModel, runner: Runner) -> None:
        if trained.target is None:
            raise UserError(f"{trained.name} is no classifier; give one as classifier=, or it as run=.")
        self.trained, self.target, self._runner = trained, trained.target, runner

    def predict(self, volume: NDArray[np.uint8]) -> Floats32:
        """Probability of each slice, float32 (D,); the patient's is their mean. Arguments as of `Model.predict`."""
        images, statistics, _ = _prepared(self.trained, volume)
        probability = slice_probabilities(self._runner.volume_logits(images, statistics))
        check_range(probability, self.trained.name)
        return probability


def load_model(source: str | Path | None, device: Accelerator = "auto", precision: Precision = "auto") -> Model:
    """See `lgg_seg.load`."""
    trained = restore(DEFAULT if source is None else source)
    return Model([(trained, trained.runner(choose_hardware(device, precision)))])


def _probability(trained: TrainedModel, runner: Runner, volume: NDArray[np.uint8], tta: bool) -> Probability:
    images, statistics, grid = _prepared(trained, volume)
    probability, _ = volume_probabilities(runner, images, statistics, grid.to_native, tta)
    check_range(probability, trained.name)
    return probability


def _prepared(trained: TrainedModel, volume: NDArray[np.uint8]) -> tuple[Tensor, Tensor, Grid]:
    """Images uint8 (D, C, S, S), statistics (C, 4) and grid of a volume."""
    if not isinstance(volume, np.ndarray):
        raise UserError(f"The volume is a {type(volume).__name__}; it must be a NumPy array, uint8 {_AXES}.")
    if volume.dtype != np.uint8 or volume.ndim != 4 or volume.shape[3] != 3 or volume.size == 0:
        raise UserError(
            f"The volume is {volume.dtype} {volume.shape}; it must be uint8 {_AXES} with the channels pre-contrast, "
            "FLAIR, post-contrast."
        )
    return trained.preprocess.network_input(volume)
