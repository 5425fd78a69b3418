"""`masks.npz`: the true and the predicted mask of every evaluated patient, a bit a pixel."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lgg_seg.errors import UserError
from lgg_seg.metrics.arrays import Bools


@dataclass(frozen=True)
class PatientMasks:
    """A patient's slices on the native grid: `numbers` (D,) of the file names, packed masks (D, H, ceil(W / 8))."""

    numbers: NDArray[np.int64]
    width: int
    truth_bits: NDArray[np.uint8]
    prediction_bits: NDArray[np.uint8]

    @classmethod
    def pack(cls, numbers: tuple[int, ...], truth: Bools, prediction: Bools) -> Self:
        """Pack two volumes (D, H, W)."""
        width = truth.shape[2]
        return cls(np.array(numbers), width, np.packbits(truth, axis=2), np.packbits(prediction, axis=2))

    @property
    def truth(self) -> Bools:
        return self._unpack(self.truth_bits)

    @property
    def prediction(self) -> Bools:
        return self._unpack(self.prediction_bits)

    def _unpack(self, bits: NDArray[np.uint8]) -> Bools:
        return np.unpackbits(bits, axis=2, count=self.width).astype(np.bool_)


def write_masks(path: Path, masks: Mapping[str, PatientMasks]) -> None:
    """Write the masks of patients by name; empty slices compress to nearly nothing."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for patient, packed in masks.items():
        arrays[f"{patient}/numbers"] = packed.numbers
        arrays[f"{patient}/width"] = np.array(packed.width)
        arrays[f"{patient}/truth"] = packed.truth_bits
        arrays[f"{patient}/prediction"] = packed.prediction_bits
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]  # the stub takes the names for `allow_pickle`


def read_masks(path: Path, patient: str) -> PatientMasks:
    try:
        with np.load(path, allow_pickle=False) as archive:
            truth, prediction = archive[f"{patient}/truth"], archive[f"{patient}/prediction"]
            return PatientMasks(archive[f"{patient}/numbers"], int(archive[f"{patient}/width"]), truth, prediction)
    except KeyError as error:
        raise UserError(f"{path} holds no masks of {patient}; measure the run again with lgg_seg.evaluate.") from error
    except Exception as error:  # what is wrong in an archive's structure can raise anything
        raise UserError(f"{path} cannot be read ({error}); measure the run again with lgg_seg.evaluate.") from error
