"""Preprocessing of a volume: skull stripping, crop, channels, grid, sharpening, statistics to normalise by, context."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from lgg_seg.data.grid import Grid
from lgg_seg.data.kaggle.images import FLAIR
from lgg_seg.data.skull_strip import brain_mask
from lgg_seg.errors import require

MAX_CONTEXT = 32  # slices on either side, more than half a volume of this dataset
MAX_SIZE = 4096  # as of the files that are read; MR slices stay below 1024


@dataclass(frozen=True)
class PreparedVolume:
    """A volume on the network's grid; masks follow by `grid.masks_to_network`."""

    images: NDArray[np.uint8]  # (D, S, S, C)
    statistics: NDArray[np.float32]  # (C, 4): low, high, mean, std of each channel
    grid: Grid


@dataclass(frozen=True)
class Preprocess:
    """How a volume is prepared; the fields but `context` are the cache's key.

    Args:
        size: side of the network's grid in pixels; None keeps the native pixels, padded to a square.
        crop: `brain` cuts every slice of a volume to the bounding box of voxels above 10 % of the volume's maximum, as
            mateuszbuda/brain-segmentation-pytorch, except that no slice is dropped and nothing is zeroed.
        skull: `remove` is skull stripping, before anything else: `skull_strip.brain_mask`. Of 88 patients' tumour
            voxels it cuts away 0.08 %, 2.8 % in the worst patient, none in 78; of bright fat it leaves a sixth.
        channels: all three, or FLAIR alone. `grey` is the luminance (ITU-R 601) that a picture in RGB with these
            channels would have, three times, as networks for pictures want it.
        normalisation: `unit` divides by 255. `volume` clips to the 10th and 99th percentile over the volume and its
            channels, then takes z-scores per channel, all on the network's grid, as mateuszbuda does.
        sharpen: amount of an unsharp mask of radius 1 pixel on the network's grid; 0 leaves the image as it is.
        context: slices on either side that the network sees as further channels (2.5D); see `neighbours`. Under a split
            of slices it is a second leak: training inputs then hold the pixels of tested slices.
    """

    size: int | None = 256
    crop: Literal["none", "brain"] = "none"
    skull: Literal["keep", "remove"] = "keep"
    channels: Literal["all", "flair", "grey"] = "all"
    normalisation: Literal["unit", "volume"] = "volume"
    sharpen: float = 0.0
    context: int = 0

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(Preprocess).items():
            if get_origin(hint) is Literal:
                value, choices = getattr(self, name), get_args(hint)
                require(value in choices, f"preprocess.{name}", value, " or ".join(choices))
        wanted = f"1 to {MAX_SIZE} pixels, or null for the native size"
        require(self.size is None or 1 <= self.size <= MAX_SIZE, "preprocess.size", self.size, wanted)
        require(self.sharpen >= 0, "preprocess.sharpen", self.sharpen, "0 or more")
        require(0 <= self.context <= MAX_CONTEXT, "preprocess.context", self.context, f"0 to {MAX_CONTEXT} slices")

    @property
    def cache_key(self) -> dict[str, Any]:
        """What the cached slices depend on."""
        fields = asdict(self)
        del fields["context"]
        return fields

    @property
    def channel_count(self) -> int:
        return self._slice_channels * (2 * self.context + 1)

    @property
    def _slice_channels(self) -> int:
        return 1 if self.channels == "flair" else 3

    def prepare_volume(self, images: NDArray[np.uint8]) -> PreparedVolume:
        """Bring one patient's slices, (D, H, W, 3) uint8, to the network's grid."""
        if self.skull == "remove":
            images = images * brain_mask(images)[..., None]
        box = _brain_box(images) if self.crop == "brain" else (0, 0, images.shape[1], images.shape[2])
        grid = Grid((images.shape[1], images.shape[2]), box, self.size or max(box[2:]))
        prepared = grid.to_network(self._selected(images))
        if self.sharpen > 0:
            prepared = _sharpen(prepared, self.sharpen)
        unit = np.tile(np.array([0, 255, 0, 255], np.float32), (self._slice_channels, 1))
        return PreparedVolume(prepared, _statistics(prepared) if self.normalisation == "volume" else unit, grid)

    def network_input(self, images: NDArray[np.uint8]) -> tuple[torch.Tensor, torch.Tensor, Grid]:
        """A volume (D, H, W, 3) for `normalise`, uint8 (D, K C, S, S) and float32 (K C, 4), and its grid."""
        prepared = self.prepare_volume(images)
        rows = neighbours(np.zeros(len(images), np.int64), self.context)
        statistics = channel_statistics(prepared.statistics, self.context)
        return as_channels(prepared.images[rows]), statistics, prepared.grid

    def _selected(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.channels == "all":
            return images
        if self.channels == "flair":
            return images[..., FLAIR : FLAIR + 1]
        grey = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images])
        return np.asarray(np.repeat(grey[..., None], 3, axis=-1), np.uint8)


def normalise(images: torch.Tensor, statistics: torch.Tensor) -> torch.Tensor:
    """(image clipped to [low, high] - mean) / std, in float32 on the images' device.

    Of images (B, C, S, S) uint8 and statistics (B, C, 4) float32: low, high, mean, std.
    """
    low, high, mean, std = statistics[..., None, None].unbind(dim=-3)
    return images.float().clamp(low, high).sub_(mean).div_(std)


def neighbours(volume_of: NDArray[np.int64], context: int) -> NDArray[np.int64]:
    """The places (N, 2 context + 1) of each slice's neighbours, its own in the middle, by each slice's volume (N,).

    At a volume's end the last slice stands in for what is missing, so that a single slice is its own context.
    """
    first = np.searchsorted(volume_of, volume_of, side="left")
    last = np.searchsorted(volume_of, volume_of, side="right") - 1
    places = np.arange(len(volume_of))[:, None] + np.arange(-context, context + 1)
    return np.asarray(places.clip(first[:, None], last[:, None]), np.int64)


def as_channels(images: NDArray[np.uint8]) -> torch.Tensor:
    """Slices with their context, (…, K, S, S, C) uint8, as channels: (…, K C, S, S), one slice's after another's."""
    channels_first = np.ascontiguousarray(np.moveaxis(images, -1, -3))
    return torch.from_numpy(channels_first).flatten(-4, -3)


def channel_statistics(statistics: NDArray[np.float32], context: int) -> torch.Tensor:
    """A volume's statistics (C, 4) for each channel of `as_channels`, (K C, 4)."""
    return torch.from_numpy(np.tile(statistics, (2 * context + 1, 1)))


def _brain_box(images: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    brightest = images.max(axis=(0, 3))
    left, top, width, height = cv2.boundingRect((brightest > 0.1 * brightest.max()).astype(np.uint8))
    return (top, left, height, width) if width else (0, 0, images.shape[1], images.shape[2])


def _sharpen(images: NDArray[np.uint8], amount: float) -> NDArray[np.uint8]:
    blurred = [cv2.GaussianBlur(image, (0, 0), sigmaX=1.0) for image in images]
    sharp = [cv2.addWeighted(a, 1 + amount, b, -amount, 0) for a, b in zip(images, blurred, strict=True)]
    return np.asarray(sharp, np.uint8).reshape(images.shape)


def _statistics(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Exact, from 256 counts a channel instead of the pixels."""
    counts = np.stack([np.bincount(images[..., c].ravel(), minlength=256) for c in range(images.shape[-1])])
    low, high = (_percentile(counts.sum(axis=0), q) for q in (10, 99))
    values = np.arange(256).clip(low, high)
    voxels = counts[0].sum()
    mean = counts @ values / voxels
    deviation = np.sqrt((counts * (values - mean[:, None]) ** 2).sum(axis=1) / voxels)
    std = np.where(deviation > 0, deviation, 1.0)  # a constant channel becomes 0
    return np.stack([np.full_like(mean, low), np.full_like(mean, high), mean, std], axis=1).astype(np.float32)


def _percentile(counts: NDArray[np.int64], q: float) -> float:
    """NumPy's default percentile (linear between order statistics) of the values that the counts stand for."""
    place = q / 100 * (counts.sum() - 1)
    below, above = np.searchsorted(counts.cumsum(), [np.floor(place), np.ceil(place)], side="right")
    return float(below + (above - below) * (place % 1))
