"""Batched resampling of images and masks on a device, and the sampling grids for it."""

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

Grid = tuple[Tensor, Tensor]
"""x and y in pixels of the place in the input of every output pixel; each (n, S, S), or with 1 for an axis."""


def warp(images: Tensor, masks: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """Sample images (n, C, S, S) linearly and masks (n, 1, S, S) at the nearest pixel, both uint8; 0 outside."""
    size = images.shape[-1]
    shape = len(images), size, size
    places = torch.stack([axis.expand(shape) for axis in grid], dim=-1) * (2 / max(size - 1, 1)) - 1
    linear = F.grid_sample(images.float(), places, mode="bilinear", padding_mode="zeros", align_corners=True)
    nearest = F.grid_sample(masks.float(), places, mode="nearest", padding_mode="zeros", align_corners=True)
    return linear.round_().byte(), nearest.byte()


def affine(matrices: Tensor, grid: Grid) -> Grid:
    """The grid followed by matrices (n, 6), each the two rows of output to input."""
    x, y = grid
    a, b, c, d, e, f = matrices[:, :, None, None].unbind(dim=1)
    return a * x + b * y + c, d * x + e * y + f


def identity(size: int, device: torch.device) -> Grid:
    """Every pixel's own place."""
    places = torch.arange(size, dtype=torch.float32, device=device)
    return places[None, None, :], places[None, :, None]


def elastic(seeds: Tensor, amplitudes: Tensor, sigma: float, size: int) -> Grid:
    """Every pixel's own place and a displacement: normal noise of at most 1, smoothed, times amplitudes (n,)."""
    noise = normal(seeds, (2, size, size))
    smooth = _smoothing(sigma, size, seeds.device)
    shift = smooth @ (noise / noise.abs().amax(dim=(1, 2, 3), keepdim=True)) @ smooth.T
    shift = shift * amplitudes[:, None, None, None]
    x, y = identity(size, seeds.device)
    return x + shift[:, 0], y + shift[:, 1]


@functools.cache
def _smoothing(sigma: float, size: int, device: torch.device) -> Tensor:
    """The (S, S) matrix of a Gaussian blur along one axis, OpenCV's width for float32, edges repeated."""
    radius = (round(sigma * 8 + 1) | 1) // 2
    taps = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    columns = (torch.arange(size)[:, None] + torch.arange(-radius, radius + 1)).clamp(0, size - 1)
    matrix = torch.zeros(size, size).scatter_add_(1, columns, (taps / taps.sum()).expand(size, -1))
    return matrix.to(device)


def normal(seeds: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Standard normal float32 numbers (n, *shape), a function of each seed (n,) alone: Box and Muller's of hashes."""
    places = torch.arange(2 * math.prod(shape), device=seeds.device)
    hashes = _hash(_hash(seeds.long())[:, None] + places)
    radius, angle = ((hashes.float() + 0.5) / 2**32).clamp(max=1).chunk(2, dim=1)
    return (torch.sqrt(-2 * torch.log(radius)) * torch.cos(2 * math.pi * angle)).view(-1, *shape)


def _hash(x: Tensor) -> Tensor:
    """Whole numbers below 2**32 from others: Wellons' `lowbias32`."""
    x = x & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    return x ^ (x >> 16)
