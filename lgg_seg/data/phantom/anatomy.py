"""Drawing a phantom head: a volume in three sequences with a tumour, and lesions that only look like one.

D slices of S x S pixels, from the skull base to the vertex; x to the image's right and y down, both from -1 to 1 over
the field of view; z from the head's middle, 1 at the vertex.
"""

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Field = NDArray[np.float32]  # (D, S, S)
Boundary = Literal["smooth", "lobulated", "ragged"]

_LOWEST, _HIGHEST = -0.75, 0.86  # z of the first and the last slice
_SKULL_BASE = -0.42

# What a tissue gives in pre-contrast, FLAIR and post-contrast, relative to bright scalp fat.
_FAT = (1.00, 0.85, 0.80)
_BONE = (0.06, 0.05, 0.07)
_FLUID = (0.09, 0.07, 0.10)
_WHITE = (0.31, 0.25, 0.33)
_GREY = (0.24, 0.31, 0.27)
_MUSCLE = (0.27, 0.25, 0.36)
_VESSEL = (0.10, 0.10, 0.95)
# Bright in FLAIR without being tumour: old small-vessel lesions, and a lesion that is bright before contrast too.
_GLIOSIS = (0.27, 0.48, 0.30)
_FATTY = (0.55, 0.55, 0.55)
# A boundary's depth as a share of the radius, and its grain as a share of the field of view.
_ROUGHNESS: dict[Boundary, tuple[float, float]] = {
    "smooth": (0.05, 0.09),
    "lobulated": (0.22, 0.055),
    "ragged": (0.32, 0.022),
}


@dataclass(frozen=True)
class Volume:
    """`images` is uint8 (D, S, S, 3) in the order pre-contrast, FLAIR, post-contrast; `mask` uint8 (D, S, S), 0/1."""

    images: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    boundary: Boundary


def draw(rng: np.random.Generator, slices: int, size: int) -> Volume:
    """Draw one patient. The same generator state gives the same pixels."""
    head = _Head(rng, slices, size)
    boundary: Boundary = rng.choice(["smooth", "lobulated", "ragged"])
    image = head.tissue()
    distance = _tumour_distance(rng, head, boundary)
    inside = (distance < 1) & (head.brain > 0.5) & (head.ventricle < 0.5)
    _add_mimics(rng, head, image, clear_of=distance)
    _add_tumour(rng, head, image, distance)
    return Volume(_acquire(rng, head, image), inside.astype(np.uint8), boundary)


class _Head:
    """The geometry of one head: soft masks (D, S, S) in [0, 1]."""

    def __init__(self, rng: np.random.Generator, slices: int, size: int) -> None:
        self.rng, self.slices, self.size = rng, slices, size
        z, y, x = np.meshgrid(
            np.linspace(_LOWEST, _HIGHEST, slices, dtype=np.float32),
            (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1,
            (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1,
            indexing="ij",
        )
        angle, fov = rng.uniform(-0.1, 0.1), rng.uniform(0.95, 1.12)
        x, y = x - rng.uniform(-0.06, 0.06), y - rng.uniform(-0.06, 0.06)
        self.x = (np.cos(angle) * x - np.sin(angle) * y) * fov
        self.y = (np.sin(angle) * x + np.cos(angle) * y) * fov
        self.z = z
        scale = np.where(z > 0, np.sqrt(np.clip(1 - z**2, 0.05, 1)), 1 - 0.18 * z**2)
        width = rng.uniform(0.62, 0.7) * (1 + 0.12 * self.y)  # heads are wider behind
        across, along = self.x / (width * scale), self.y / (rng.uniform(0.8, 0.88) * scale)
        wobble = self.noise(0.12) * 0.012
        self.radius = np.sqrt(across**2 + along**2) * (1 + wobble)  # 1 on the skin
        self.edge = 3.0 / size  # the width of a tissue border
        low = np.clip((_SKULL_BASE - z) / 0.3, 0, 1)  # 0 above the skull base, 1 well below it
        inner = rng.uniform(0.80, 0.85)
        base = np.sqrt((self.x / 0.42) ** 2 + ((self.y - 0.4) / 0.32) ** 2)  # what is left there: the cerebellum
        self.depth = np.where(low > 0, np.maximum(self.radius / inner, base * (0.6 + 0.4 * low)), self.radius / inner)
        self.brain = self.step(1 - self.depth)
        self.cranium = self.step(inner + 0.03 - self.radius)
        self.ventricle = self._ventricles(rng)

    def noise(self, grain: float) -> Field:
        """Smooth noise of mean 0 and unit variance; `grain` is its scale as a share of the field of view."""
        grid = min(self.size, math.ceil(1.5 / grain))  # coarse noise is drawn on a coarse grid and enlarged
        through = grain * 2 / ((_HIGHEST - _LOWEST) / self.slices)
        white = self.rng.standard_normal((self.slices, grid, grid), dtype=np.float32)
        field = gaussian_filter(white, (through, grain * grid, grain * grid), mode="wrap", truncate=3.0)
        if grid < self.size:
            enlarged = [cv2.resize(plane, (self.size, self.size), interpolation=cv2.INTER_CUBIC) for plane in field]
            field = np.stack(enlarged)
        field -= field.mean()  # of few coarse cells it may be many standard deviations
        return np.asarray(field / max(float(field.std()), 1e-6), dtype=np.float32)

    def step(self, inside: Field) -> Field:
        """1 where `inside` is positive, 0 where negative, soft over one border's width."""
        return np.asarray(np.clip(inside / self.edge + 0.5, 0, 1), dtype=np.float32)

    def ball(self, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Field:
        """Distance from a centre (x, y, z), 1 on the ellipsoid."""
        parts = zip((self.x, self.y, self.z), centre, radii, strict=True)
        distance: Field = np.sqrt(sum((axis - c) ** 2 / r**2 for axis, c, r in parts))
        return distance

    def _ventricles(self, rng: np.random.Generator) -> Field:
        apart, wide, long = rng.uniform(0.07, 0.1), rng.uniform(0.03, 0.065), rng.uniform(0.2, 0.3)
        height = np.clip(1 - ((self.z - 0.12) / rng.uniform(0.26, 0.36)) ** 2, 0, 1)
        bent = np.abs(self.x) - apart - 0.9 * self.y**2  # horns turn outwards
        inside = 1 - np.sqrt((bent / (wide * height + 1e-3)) ** 2 + (self.y / (long * height + 1e-3)) ** 2)
        return np.where(height > 0, self.step(inside * wide), np.float32(0))

    def tissue(self) -> NDArray[np.float32]:
        """The healthy head, (3, D, S, S)."""
        image = np.zeros((3, *self.radius.shape), np.float32)
        blend(image, self.step(1 - self.radius), _FAT)
        blend(image, self.step(0.955 - self.radius) * (self.noise(0.03) > 0.3) * 0.8, _MUSCLE)
        blend(image, self.step(0.925 - self.radius), _BONE)
        face = self.step(0.9 - self.radius) * (self.z < _SKULL_BASE + 0.1)
        grain = self.noise(0.035)
        blend(image, face * np.clip(0.5 + grain, 0, 1), _MUSCLE)
        blend(image, face * np.clip(grain - 1.1, 0, 1), _FAT)
        blend(image, face * (self.y < 0) * np.clip(1.5 * self.noise(0.05) - 0.8, 0, 1), _BONE)
        blend(image, self.cranium * (self.z > _SKULL_BASE), _FLUID)
        folds = self.noise(0.022)
        blend(image, self.brain, _WHITE)
        cortex = np.clip(6 * (self.depth - 0.78) + 1.2 * folds, 0, 1)
        blend(image, self.brain * cortex, _GREY)
        for side in (-1, 1):  # deep grey nuclei
            nucleus = self.ball((side * 0.2, 0.02, 0.0), (0.09, 0.17, 0.2))
            blend(image, self.brain * self.step((1 - nucleus) * 0.1) * 0.8, _GREY)
        sulci = np.clip(0.5 - np.abs(folds - 0.4), 0, 0.5) * 2 * np.clip((self.depth - 0.68) / 0.12, 0, 1)
        blend(image, self.brain * sulci, _FLUID)
        falx = self.brain * np.clip(1 - np.abs(self.x + 0.006 * folds) / 0.014, 0, 1) * (np.abs(self.y) > 0.3)
        blend(image, falx * 0.8, _FLUID)
        blend(image, self.ventricle * self.brain, _FLUID)
        vessels = np.clip(self.noise(0.012) - 2.4, 0, 1) * self.brain * (self.depth > 0.6)
        sinus = self.cranium * np.clip(2 - self.ball((0.0, 0.68, 0.3), (0.05, 0.06, 0.9)) * 2, 0, 1)
        blend(image, np.maximum(vessels, sinus * (self.z > _SKULL_BASE)), _VESSEL)
        return image


def blend(image: NDArray[np.float32], weight: Field, tissue: tuple[float, ...]) -> None:
    """Lay a tissue over the image in place, as far as `weight` in [0, 1] says (partial volume)."""
    for channel, value in zip(image, tissue, strict=True):
        channel += weight * (value - channel)


def _tumour_distance(rng: np.random.Generator, head: _Head, boundary: Boundary) -> Field:
    """Distance from the tumour's middle, 1 on its boundary; one part or, in a quarter of the patients, two."""
    depth, grain = _ROUGHNESS[boundary]
    size = rng.uniform(0.13, 0.34)
    side, angle = rng.choice([-1, 1]), rng.uniform(-1.3, 1.3)
    reach = rng.uniform(0.26, 0.4)
    centre = (side * reach * np.cos(angle) * 0.95, reach * np.sin(angle) * 1.2, rng.uniform(-0.05, 0.4))
    radii = tuple(size * rng.uniform(0.75, 1.2, 3))
    distance = head.ball(centre, (radii[0], radii[1], max(radii[2], 0.16)))
    if rng.random() < 0.25:
        shift = rng.uniform(-0.26, 0.26, 2)
        second = (centre[0] + shift[0], centre[1] + shift[1], centre[2] + rng.uniform(-0.15, 0.15))
        small = size * rng.uniform(0.4, 0.7)
        distance = np.minimum(distance, head.ball(second, (small, small, max(small, 0.16))))
    return distance + depth * head.noise(grain)


def _add_tumour(rng: np.random.Generator, head: _Head, image: NDArray[np.float32], distance: Field) -> None:
    """Bright in FLAIR and dark before contrast, mottled, sometimes with a dark cyst or a rim of contrast."""
    weight = np.clip((1 - distance) / rng.uniform(0.1, 0.35) + 0.5, 0, 1) * head.brain * (1 - head.ventricle)
    mottled = np.clip(1 + 0.12 * head.noise(0.03), 0.6, 1.4)
    bright, dark = rng.uniform(0.38, 0.68), rng.uniform(0.16, 0.31)
    blend(image, weight * np.clip(mottled, 0, 1), (dark, bright, dark * 1.15))
    if rng.random() < 0.3:
        blend(image, np.clip((0.4 - distance) / 0.2, 0, 1) * head.brain, (0.1, bright * 0.6, 0.12))
    if rng.random() < 0.25:
        rim = np.clip(1 - np.abs(distance - 0.75) / 0.15, 0, 1) * (head.noise(0.05) > 0.2)
        blend(image[2:], rim * weight * 0.8, (0.8,))


def _add_mimics(rng: np.random.Generator, head: _Head, image: NDArray[np.float32], clear_of: Field) -> None:
    """What is bright in FLAIR and no tumour: caps on the ventricles, small lesions, one that is bright in all."""
    away = np.clip((clear_of - 1.15) / 0.1, 0, 1) * head.brain * (1 - head.ventricle)
    caps = gaussian_filter(head.ventricle, (0, 0.018 * head.size, 0.018 * head.size)) * (np.abs(head.y) > 0.14)
    blend(image, np.clip(caps * rng.uniform(0.6, 1.6), 0, 1) * away, _GLIOSIS)
    for _ in range(rng.integers(2, 9)):
        at = (rng.uniform(-0.4, 0.4), rng.uniform(-0.5, 0.5), rng.uniform(0.0, 0.6))
        spot = head.ball(at, (rng.uniform(0.02, 0.05), rng.uniform(0.02, 0.05), 0.09))
        blend(image, head.step((1 - spot) * 0.04) * away, _GLIOSIS)
    if rng.random() < 0.25:
        at = (rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.4), rng.uniform(-0.2, 0.5))
        lesion = head.ball(at, (rng.uniform(0.04, 0.08), rng.uniform(0.04, 0.08), 0.15))
        lesion = lesion + np.float32(0.15) * head.noise(0.05)
        blend(image, head.step(np.float32(0.1) * (1 - lesion)) * away, _FATTY)


def _acquire(rng: np.random.Generator, head: _Head, image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """What the scanner makes of it: coil shading, contrast, blur, Rician noise, eight bits."""
    taken = np.empty((*head.radius.shape, 3), np.uint8)
    for c in range(3):
        shading = np.exp(0.16 * head.noise(0.35) + rng.uniform(0, 0.35) * (head.radius - 0.6))
        signal = image[c] ** rng.uniform(0.85, 1.25) * shading * (1 + 0.05 * head.noise(0.015))
        signal = gaussian_filter(signal, (0, 0.55, 0.55))
        level = rng.uniform(0.003, 0.014)
        real = signal + level * rng.standard_normal(signal.shape, dtype=np.float32)
        imaginary = level * rng.standard_normal(signal.shape, dtype=np.float32)
        magnitude = np.hypot(real, imaginary)
        white = float(np.quantile(magnitude[:, ::2, ::2], 0.998)) * rng.uniform(0.9, 1.25)
        taken[..., c] = np.clip(magnitude * (255 / white), 0, 255).astype(np.uint8)
    return taken
