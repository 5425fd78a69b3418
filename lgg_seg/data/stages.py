"""Albumentations' transforms as batched operations: parameters from the host, pixels on the device.

n rows of a batch: images (n, K, C, S, S) and masks (n, 1, S, S), both uint8.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lgg_seg.data import warps
from lgg_seg.data.augmentation import A, SubstituteFlair
from lgg_seg.data.kaggle.images import FLAIR

Drawn = tuple[Any, dict[str, Any]]
"""A transform and the parameters that it drew."""
Pair = tuple[Tensor, Tensor]
Shape = tuple[int, int, int]
"""Of a slice on the host, (S, S, C)."""


class Stage(ABC):
    """One operation, on the rows for which one of its transforms was drawn."""

    def __init__(self, transform: Any) -> None:
        self.transforms = [transform]

    @property
    def goes_on(self) -> bool:
        """Whether a transform of the same kind that follows is part of this operation."""
        return False

    def draw(self, transform: Any, shape: Shape) -> dict[str, Any]:
        """The transform's parameters, as albumentations draws them."""
        data = {"images": _blank(shape)}
        params = transform.update_transform_params(transform.get_params(), data)
        return dict(params | transform.get_params_dependent_on_data(params, data))

    @abstractmethod
    def values(self, drawn: Sequence[Drawn], shape: Shape) -> NDArray[Any]:
        """What the device needs to know of an item: numbers, equally many for every item."""

    @abstractmethod
    def __call__(self, images: Tensor, masks: Tensor, values: Tensor) -> Pair:
        """Transform n rows by their values, float32 (n, …)."""


class Warp(Stage):
    """Flips, affine transforms and one last deformation in a single resampling; what they would cut off is kept."""

    DEFORMATIONS = (A.GridDistortion, A.CropAndPad, A.ElasticTransform)

    @property
    def goes_on(self) -> bool:
        """All that moves pixels, up to a deformation."""
        return not isinstance(self.transforms[-1], self.DEFORMATIONS)

    def draw(self, transform: Any, shape: Shape) -> dict[str, Any]:
        """An elastic deformation's noise is made on the device, of a seed."""
        if isinstance(transform, A.ElasticTransform):
            return {"elastic": (int(transform.random_generator.integers(2**16)), transform.alpha)}
        return super().draw(transform, shape)

    def values(self, drawn: Sequence[Drawn], shape: Shape) -> NDArray[Any]:
        """The matrix from output to input (6), then x of every column and y of every row, or seed and amplitude."""
        size = shape[0]
        matrix, lines, elastic = np.eye(3), np.tile(np.arange(size), 2), (0, 0.0)
        for transform, params in drawn:
            if isinstance(transform, A.GridDistortion):
                lines = np.concatenate([params["map_x"][0], params["map_y"][:, 0]])
            elif isinstance(transform, A.CropAndPad):
                lines = _crop_lines(params["crop_params"] or (0, 0, size, size), size)
            elif isinstance(transform, A.ElasticTransform):
                elastic = params["elastic"]
            else:
                matrix = self._matrix(transform, params, size) @ matrix
        rest = {A.ElasticTransform: elastic, A.GridDistortion: lines, A.CropAndPad: lines}
        return np.concatenate([np.linalg.inv(matrix)[:2].ravel(), rest.get(type(self.transforms[-1]), ())])

    def __call__(self, images: Tensor, masks: Tensor, values: Tensor) -> Pair:
        """The deformation's grid, if any, then the matrix."""
        size, last = images.shape[-1], self.transforms[-1]
        matrices, rest = values[:, :6], values[:, 6:]
        if isinstance(last, A.ElasticTransform):
            grid = warps.elastic(rest[:, 0], rest[:, 1], last.sigma, size)
        elif isinstance(last, self.DEFORMATIONS):
            grid = rest[:, None, :size], rest[:, size:, None]
        else:
            grid = warps.identity(size, images.device)
        flat, masks = warps.warp(images.flatten(1, 2), masks, warps.affine(matrices, grid))
        return flat.view_as(images), masks

    @staticmethod
    def _matrix(transform: Any, params: Mapping[str, Any], size: int) -> NDArray[Any]:
        if isinstance(transform, A.HorizontalFlip):
            return np.array([[-1, 0, size - 1], [0, 1, 0], [0, 0, 1]])
        if isinstance(transform, A.VerticalFlip):
            return np.array([[1, 0, 0], [0, -1, size - 1], [0, 0, 1]])
        return np.asarray(params["matrix"])


@functools.cache
def _blank(shape: Shape) -> NDArray[np.uint8]:
    """What albumentations asks for shape and type, without pixels of its own."""
    return np.broadcast_to(np.uint8(0), (1, *shape))


def _crop_lines(box: Sequence[int], size: int) -> NDArray[Any]:
    """For each column and row of the enlarged crop its place in the image; half-pixel centres, edges repeated."""
    left, top, right, bottom = box
    centres = (np.arange(size) + 0.5) / size
    x = (left + centres * (right - left) - 0.5).clip(left, right - 1)
    y = (top + centres * (bottom - top) - 0.5).clip(top, bottom - 1)
    return np.concatenate([x, y])


class Table(Stage):
    """Transforms of single intensities, by a table (256) that albumentations makes of a ramp."""

    goes_on = True

    def values(self, drawn: Sequence[Drawn], shape: Shape) -> NDArray[Any]:  # noqa: ARG002  # a stage's signature
        """What becomes of each of the 256 intensities."""
        ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
        for transform, params in drawn:
            ramp = transform.apply(ramp, **params)
        return ramp.ravel()

    def __call__(self, images: Tensor, masks: Tensor, values: Tensor) -> Pair:
        return values.byte().gather(1, images.flatten(1).long()).view_as(images), masks


class Noise(Stage):
    """GaussNoise, the same in all of an item's slices."""

    def draw(self, transform: Any, shape: Shape) -> dict[str, Any]:  # noqa: ARG002  # a stage's signature
        """Its noise is made on the device, of a seed."""
        draw = transform.py_random.uniform
        numbers = draw(*transform.std_range), draw(*transform.mean_range), transform.random_generator.integers(2**16)
        return {"noise": numbers}

    def values(self, drawn: Sequence[Drawn], shape: Shape) -> NDArray[Any]:  # noqa: ARG002  # a stage's signature
        """Deviation and mean, of 1, and the seed."""
        return np.array(drawn[-1][1]["noise"])

    def __call__(self, images: Tensor, masks: Tensor, values: Tensor) -> Pair:
        channels, size = images.shape[2], images.shape[-1]
        std, mean = values[:, :2, None, None, None, None].unbind(dim=1)
        shape = (1, channels if self.transforms[0].per_channel else 1, size, size)
        noise = (warps.normal(values[:, 2], shape) * std + mean) * 255
        return (images + noise.trunc_()).clamp_(0, 255).byte(), masks  # whole levels, as the host adds


class Blur(Stage):
    """GaussianBlur, along one axis and then the other, edges mirrored."""

    def values(self, drawn: Sequence[Drawn], shape: Shape) -> NDArray[Any]:  # noqa: ARG002  # a stage's signature
        """The kernel, padded to the widest."""
        transform, params = drawn[-1]
        widest = max(transform.blur_limit[1], int(transform.sigma_limit[1] * 3.5) * 2 + 1) | 1
        return np.pad(params["kernel"], (widest - len(params["kernel"])) // 2)

    def __call__(self, images: Tensor, masks: Tensor, values: Tensor) -> Pair:
        """Weighted sums of shifted images: a convolution would be tuned anew for each number of rows."""
        x = images.flatten(1, 2).float()
        size, margin = x.shape[-1], values.shape[1] // 2
        for axis, padding in ((3, (margin, margin, 0, 0)), (2, (0, 0, margin, margin))):
            padded = F.pad(x, padding, mode="reflect")
            taps = values[:, :, None, None, None].unbind(dim=1)
            x = torch.zeros_like(x)
            for i, tap in enumerate(taps):
                x.addcmul_(padded.narrow(axis, i, size), tap)
        return x.round_().clamp_(0, 255).byte().view_as(images), masks


class Jitter(Stage):
    """ColorJitter's brightness and contrast."""

    def values(self, drawn: Sequence[Drawn], shape: Shape) -> NDArray[Any]:  # noqa: ARG002  # a stage's signature
        """The factor of brightness before and after that of contrast, which stands between."""
        params = drawn[-1][1]
        first = params["order"].index(0) < params["order"].index(1)
        before, after = (params["brightness"], 1.0) if first else (1.0, params["brightness"])
        return np.array([before, params["contrast"], after])

    def __call__(self, images: Tensor, masks: Tensor, values: Tensor) -> Pair:
        """Contrast is about the slice's mean luminance (ITU-R 601)."""
        before, contrast, after = values[:, :, None, None, None, None].unbind(dim=1)
        x = _truncated(images * before)
        weights = [0.299, 0.587, 0.114] if x.shape[2] == 3 else [1.0]
        luminance = sum(weight * x[:, :, c : c + 1] for c, weight in enumerate(weights))
        mean = torch.as_tensor(luminance).mean(dim=(2, 3, 4), keepdim=True)
        x = _truncated(x * contrast + mean * (1 - contrast))
        return _truncated(x * after).byte(), masks


def _truncated(x: Tensor) -> Tensor:
    return x.clamp(0, 255).floor()


class Substitution(Stage):
    def values(self, drawn: Sequence[Drawn], shape: Shape) -> NDArray[Any]:
        """The channel that each is taken from."""
        source = np.arange(shape[2])
        if len(source) > 1:
            source[list(drawn[-1][1]["channels"])] = FLAIR
        return source

    def __call__(self, images: Tensor, masks: Tensor, values: Tensor) -> Pair:
        return images.gather(2, values.long()[:, None, :, None, None].expand_as(images)), masks


def _plain(transform: Any) -> bool:
    """Linear resampling, and black outside."""
    filled = any(np.any(getattr(transform, name, 0)) for name in ("fill", "fill_mask"))
    linear, padded = getattr(transform, "interpolation", 1) == 1, getattr(transform, "border_mode", 0) == 0
    return linear and padded and not filled


def _cropping(t: Any) -> bool:
    limits = np.asarray(t.percent if t.px is None else t.px)
    return _plain(t) and bool(t.keep_size and (limits <= 0).all())


TRANSLATIONS: dict[type, tuple[type[Stage], Callable[[Any], bool]]] = {
    A.HorizontalFlip: (Warp, _plain),
    A.VerticalFlip: (Warp, _plain),
    A.Rotate: (Warp, lambda t: _plain(t) and not t.crop_border),
    A.Affine: (Warp, lambda t: _plain(t) and not t.fit_output),
    A.GridDistortion: (Warp, _plain),
    A.CropAndPad: (Warp, _cropping),
    A.ElasticTransform: (
        Warp,
        lambda t: _plain(t) and not t.approximate and not t.same_dxdy and t.noise_distribution == "gaussian",
    ),
    A.RandomBrightnessContrast: (Table, lambda t: t.brightness_by_max or not any(t.brightness_limit)),
    A.RandomGamma: (Table, _plain),
    A.GaussNoise: (Noise, lambda t: t.noise_scale_factor == 1),
    A.GaussianBlur: (Blur, _plain),
    A.ColorJitter: (Jitter, lambda t: set(t.saturation) == {1} and set(t.hue) == {0}),
    SubstituteFlair: (Substitution, _plain),
}
"""For each transform the operation that it is part of, and whether its options can be had."""


def stage_of(transform: Any) -> type[Stage] | None:
    """The kind of operation that does a transform, if there is one."""
    stage, possible = TRANSLATIONS.get(type(transform), (None, bool))
    return stage if possible(transform) else None
