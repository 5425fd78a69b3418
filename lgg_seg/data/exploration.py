"""A data set as pictures show it: where its tumours lie, typical slices, and what augmentation does to one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from lgg_seg.cli.progress import tracked
from lgg_seg.config.groups import groups
from lgg_seg.config.instantiate import instantiate
from lgg_seg.config.overrides import compose_config
from lgg_seg.data.augmentation import Augmentation
from lgg_seg.data.kaggle.images import FLAIR, SEQUENCES
from lgg_seg.data.kaggle.index import Index
from lgg_seg.data.kaggle.scan import SliceInfo

SIDE: Final = 256  # pixels of the maps, to whose grid slices of another size are brought
THIRDS: Final = ("first third", "middle third", "last third")
SIZES: Final = ("small tumour", "medium tumour", "large tumour")
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class TumourMap:
    """Where tumours lie, on a grid of `SIDE` x `SIDE`, and how bright they are, over the slices with tumour."""

    slices: NDArray[np.int64]  # (3, SIDE, SIDE), by third of the volumes: how many slices have tumour at a pixel
    flair: NDArray[np.float64]  # (SIDE, SIDE), the mean
    intensities: NDArray[np.int64]  # (2, 3, 256), by sequence, in the tumour and around (in the head, FLAIR above 12)


def tumour_map(index: Index) -> TumourMap:
    """Read every slice with tumour, with a progress bar: some two seconds for the 1,373 of the Kaggle data set."""
    slices, flair = np.zeros((len(THIRDS), SIDE, SIDE), np.int64), np.zeros((SIDE, SIDE))
    intensities = np.zeros((2, len(SEQUENCES), 256), np.int64)
    places = [
        (one, len(THIRDS) * row // len(patient.slices))
        for patient in index.patients
        for row, one in enumerate(patient.slices)
        if one.tumour_pixels
    ]
    for one, third in tracked(places, "reading slices with tumour"):
        image, mask = one.read_image(), one.read_mask()
        slices[third] += cv2.resize(mask.astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
        flair += cv2.resize(image[..., FLAIR], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        for row, pixels in enumerate((image[mask], image[~mask & (image[..., FLAIR] > 12)])):
            intensities[row] += [np.bincount(pixels[:, c], minlength=256) for c in range(len(SEQUENCES))]
    return TumourMap(slices, flair / max(len(places), 1), intensities)


def examples(index: Index, count: int) -> dict[str, list[SliceInfo]]:
    """At most `count` slices without tumour, and of each third of those with tumour by area, all of other patients."""
    middles = []
    for patient in index.patients:
        middle = len(patient.slices) / 2
        empty = [(abs(k - middle), k) for k, s in enumerate(patient.slices) if not s.tumour_pixels and not s.constant]
        middles += [patient.slices[min(empty)[1]]] if empty else []
    by_area = sorted((s for s in index.slices if s.tumour_pixels), key=lambda s: (s.tumour_pixels, s.image_file))
    thirds = np.array_split(np.arange(len(by_area)), len(SIZES))
    chosen = {"no tumour": _spaced(middles, count)}
    for name, third in zip(SIZES, thirds, strict=True):
        chosen[name] = _spaced([by_area[k] for k in third], count)
    return {name: slices for name, slices in chosen.items() if slices}


def _spaced(slices: Sequence[SliceInfo], count: int) -> list[SliceInfo]:
    """At most `count` slices near evenly spaced places, each of a patient that has none before it."""
    chosen: dict[str, SliceInfo] = {}
    for place in np.linspace(0, max(len(slices) - 1, 0), count):
        new = [(abs(k - place), k) for k, one in enumerate(slices) if one.patient not in chosen]
        if new:
            nearest = slices[min(new)[1]]
            chosen[nearest.patient] = nearest
    return list(chosen.values())


def augmented(one: SliceInfo, count: int) -> dict[str, list[tuple[Pixels, Pixels]]]:
    """What each member of the group `augment` makes of a slice: image (H, W, 3) and mask (H, W), `count` draws."""
    image, mask = one.read_image(), one.read_mask().astype(np.uint8)
    drawn = {}
    for name in groups()["augment"]:
        transform: Augmentation = instantiate(compose_config([f"augment={name}"]).augment, "augment")
        pairs = [transform(image[None], mask, (0, 0, 0, k)) for k in range(count)]
        drawn[name] = [(images[0], changed) for images, changed in pairs]
    return drawn
