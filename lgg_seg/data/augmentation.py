"""Augmentation seeded by the run's seed, the epoch and the slice alone."""

import os
import random
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # at import it would ask the network for a newer version

import albumentations as A

from lgg_seg.data.kaggle.images import FLAIR

__all__ = ["A", "Augmentation", "SubstituteFlair"]  # whoever needs albumentations takes it from here, silenced

cv2.setNumThreads(0)  # a slice is too little work to share out, and the network needs the cores


class SubstituteFlair(A.ImageOnlyTransform):  # type: ignore[misc]  # albumentations has no types
    """FLAIR in place of one or both of the other sequences, as in the dataset where one was not acquired.

    It must be the last of the transforms, so that the copy stays one; the slice's statistics then follow it. An image
    of one channel stays unchanged.
    """

    CHOICES = ((0,), (2,), (0, 2))

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p=p)

    def get_params(self) -> dict[str, tuple[int, ...]]:
        return {"channels": self.py_random.choice(self.CHOICES)}

    def apply(self, img: NDArray[np.uint8], channels: tuple[int, ...], **_params: object) -> NDArray[np.uint8]:
        """(H, W, C) uint8 in and out."""
        if img.shape[-1] == 1:
            return img
        substituted = img.copy()
        substituted[..., channels] = img[..., FLAIR : FLAIR + 1]
        return substituted


class Augmentation:
    """Albumentations transforms, seeded anew for every item: (K, H, W, C) and (H, W) uint8 in and out.

    The K slices of an item, it and its context, are transformed alike, and masks resampled to the nearest pixel. The
    transforms share one generator: `Compose.set_random_seed` gives each its own with the same seed, so that two flips
    happen both or not at all.
    """

    def __init__(self, transforms: Sequence[A.BasicTransform | A.BaseCompose]) -> None:
        self.compose = A.Compose(list(transforms), mask_interpolation=cv2.INTER_NEAREST)

    def __call__(
        self, images: NDArray[np.uint8], mask: NDArray[np.uint8], seed: Sequence[int]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Transform images and mask alike; the same seed (seed, epoch, index, repeat) gives the same again."""
        self.seed(seed)
        augmented = self.compose(images=images, mask=mask)
        return augmented["images"], augmented["mask"]

    def seed(self, seed: Sequence[int]) -> None:
        """Determine what is drawn next."""
        generator = np.random.default_rng(seed)
        self.compose.set_random_state(generator, random.Random(int(generator.integers(2**63))))
