"""What the files of a volume may declare and hold. Sizes are checked before memory is taken for them."""

import struct
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.openers import ImageOpener
from numpy.typing import NDArray

from lgg_seg.data.kaggle.pixels import size_fault
from lgg_seg.scans.scan import Issue, ScanError

MAX_EXTENSION = 2**24  # bytes of one extension of a NIfTI header, and of all: nibabel reads what they declare
MAX_INTENSITY = 1e30
LEAST_STEPS = 256  # of float32 between the lowest and the highest intensity: as many as 8 bits have


def require_size(file: str, voxels: int, size: int) -> None:
    """Refuse a volume by its `size_fault`, with a ScanError of `file`."""
    if fault := size_fault(voxels, size):
        raise ScanError([Issue(file, fault)])


def require_intensities(file: str, voxels: NDArray[np.generic]) -> None:
    """Refuse intensities too large or too close for float32: of a damaged scale, in which no tumour would be found."""
    values = voxels[np.isfinite(voxels)].astype(np.float64, copy=False)
    if not values.size:
        return
    low, high = float(values.min()), float(values.max())
    peak = max(abs(low), abs(high))
    step = max(float(np.spacing(np.float32(min(peak, MAX_INTENSITY)))), 1 / MAX_INTENSITY)
    if peak > MAX_INTENSITY or 0 < high - low < LEAST_STEPS * step:
        reason = f"holds intensities from {low:.9g} to {high:.9g}, which no scanner gives"
        raise ScanError([Issue(file, f"{reason}; see to scl_slope and scl_inter of its header")])


def require_extensions(path: Path) -> None:
    """Refuse with a ValueError a NIfTI header whose extensions declare more than `MAX_EXTENSION` bytes."""
    with ImageOpener(str(path)) as stream:
        start = stream.read(4)
        is_second = 540 in (int.from_bytes(start, "little"), int.from_bytes(start, "big"))
        kind: Any = nib.Nifti2Header if is_second else nib.Nifti1Header
        header = kind(start + stream.read(kind.sizeof_hdr - 4), check=False)
        left = int(header["vox_offset"]) - kind.sizeof_hdr - 4
        if not stream.read(4).startswith(b"\x00"):
            while left >= 16 and len(declared := stream.read(8)) == 8:
                (length, _) = struct.unpack(f"{header.endianness}ii", declared)
                if max(length, left) > MAX_EXTENSION:
                    raise ValueError(f"its header has an extension of {max(length, left) / 1e6:.0f} MB")
                if length < 8:  # nibabel says what is wrong with it
                    return
                stream.read(length - 8)
                left -= length
