"""The network's square grid: where a volume's pixels lie on it, and the way back."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray


@dataclass(frozen=True)
class Grid:
    """A crop box, padded to a square with zeros on both sides and resampled.

    Resampling maps pixel areas onto each other (half-pixel centres), so that both ways agree on where a pixel is.
    """

    native: tuple[int, int]  # the slice's height and width in pixels
    box: tuple[int, int, int, int]  # the crop's top, left, height and width in it
    size: int  # the side of the network's grid

    @property
    def side(self) -> int:
        """The side of the padded square in native pixels."""
        return max(self.box[2:])

    def to_network(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(D, H, W, C) uint8 to (D, S, S, C): by area when shrinking, linear when enlarging."""
        top, left, height, width = self.box
        above, before = self._padding
        below, behind = self.side - height - above, self.side - width - before
        crop = images[:, top : top + height, left : left + width]
        square = np.pad(crop, ((0, 0), (above, below), (before, behind), (0, 0)))
        if self.side == self.size:
            return square
        way = cv2.INTER_AREA if self.size < self.side else cv2.INTER_LINEAR
        resized = [cv2.resize(image, (self.size, self.size), interpolation=way) for image in square]
        return np.asarray(resized, dtype=np.uint8).reshape(len(images), self.size, self.size, images.shape[-1])

    def masks_to_network(self, masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """(D, H, W) bool to (D, S, S) uint8 with 0 and 1: a pixel is tumour where at least half of its area is."""
        shares = self.to_network(masks[..., None].astype(np.uint8) * 255)
        return (shares[..., 0] >= 128).astype(np.uint8)

    def to_native(self, probability: torch.Tensor) -> torch.Tensor:
        """(B, S, S) to (B, H, W) float32, on the same device; 0 outside the crop."""
        square = probability.float()
        if self.side != self.size:
            square = F.interpolate(
                square[:, None],
                size=(self.side, self.side),
                mode="bilinear",
                align_corners=False,
                antialias=self.side < self.size,
            )[:, 0]
        top, left, height, width = self.box
        above, before = self._padding
        native = square.new_zeros((len(square), *self.native))
        native[:, top : top + height, left : left + width] = square[:, above : above + height, before : before + width]
        return native

    @property
    def _padding(self) -> tuple[int, int]:
        """Rows above and columns before the crop within its square."""
        _, _, height, width = self.box
        return (self.side - height) // 2, (self.side - width) // 2
