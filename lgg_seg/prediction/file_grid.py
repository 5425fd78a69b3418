"""Where what is seen of a volume lies in its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FileGrid:
    """The voxel axes of a file, i, j and k, by the axes of the volume that was read from it: slice, row, column.

    Attributes:
        axes: of i, j and k each, the axis it runs along: 0 slice, 1 row, 2 column.
        flipped: of i, j and k each, whether it runs the other way.
        shape: voxels along i, j and k.
    """

    axes: tuple[int, ...]
    flipped: tuple[bool, ...]
    shape: tuple[int, ...]

    @property
    def slice_axis(self) -> str:
        """Along which of the file's axes the slices lie: i, j or k."""
        return "ijk"[self.axes.index(0)]

    def voxel(self, place: Sequence[float]) -> tuple[float, ...]:
        """The file's indices (i, j, k) of a place (slice, row, column), all from 0."""
        return tuple(
            size - 1 - place[axis] if flipped else place[axis]
            for axis, flipped, size in zip(self.axes, self.flipped, self.shape, strict=True)
        )

    def slice_numbers(self) -> tuple[int, ...]:
        """Of each slice, its index along the file's own axis, from 0."""
        along = self.axes.index(0)
        return tuple(int(self.voxel((k, 0, 0))[along]) for k in range(self.shape[along]))
