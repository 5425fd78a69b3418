"""The transforms of an `Augmentation` on a device: drawn by albumentations on the host, computed for whole batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lgg_seg.data.augmentation import A, Augmentation
from lgg_seg.data.stages import Pair, Shape, Stage, stage_of
from lgg_seg.errors import UserError

Draw = Mapping[int, NDArray[Any]]
"""What an item's operations need to know, by their place; one that is not applied is absent."""


class Draws(NamedTuple):
    """A batch's draws, packed for one transfer, of one operation after another."""

    rows: Tensor  # int64
    values: Tensor  # float32
    counts: tuple[tuple[int, int], ...]  # of each operation its rows, and the values of each of these

    def unpacked(self) -> Iterator[tuple[Tensor, Tensor]]:
        """For each operation its rows (n,) and their values (n, …)."""
        rows = torch.split(self.rows, [n for n, _ in self.counts])
        values = torch.split(self.values, [n * width for n, width in self.counts])
        for of_rows, of_values, (n, width) in zip(rows, values, self.counts, strict=True):
            yield of_rows, of_values.view(n, width)


class DeviceAugmentation:
    """An augmentation's transforms as a list of batched operations."""

    def __init__(self, augmentation: Augmentation) -> None:
        self._augmentation = augmentation
        self._stages: list[Stage] = []
        self._places: list[int] = []  # of the operation of each transform
        for transform in _leaves(augmentation.compose):
            stage = stage_of(transform)
            if stage is None:
                raise UserError(
                    f"data.feed=device cannot do {type(transform).__name__} of augment as it is set; take "
                    "data.feed=host or another augment."
                )
            last = self._stages[-1] if self._stages else None
            if type(last) is stage and last.goes_on:
                last.transforms.append(transform)
            else:
                self._stages.append(stage(transform))
            self._places.append(len(self._stages) - 1)

    def draw(self, seed: Sequence[int], shape: Shape) -> Draw:
        """Draw for one item with slices (S, S, C); the same seed draws the same."""
        self._augmentation.seed(seed)
        # Not kept: a loader process that is not forked has copies of the transforms.
        places = dict(zip(map(id, _leaves(self._augmentation.compose)), self._places, strict=True))
        drawn: dict[int, list[Any]] = {}
        for transform in _applied(self._augmentation.compose):
            place = places[id(transform)]
            drawn.setdefault(place, []).append((transform, self._stages[place].draw(transform, shape)))
        return {place: self._stages[place].values(of_stage, shape) for place, of_stage in drawn.items()}

    def pack(self, draws: Sequence[Draw]) -> Draws:
        rows: list[int] = []
        values, counts = [np.zeros(0, np.float32)], []
        for place in range(len(self._stages)):
            of_stage = [(row, draw[place]) for row, draw in enumerate(draws) if place in draw]
            rows.extend(row for row, _ in of_stage)
            values.extend(numbers for _, numbers in of_stage)
            counts.append((len(of_stage), len(of_stage[0][1]) if of_stage else 0))
        packed = torch.from_numpy(np.concatenate(values, dtype=np.float32))
        return Draws(torch.tensor(rows, dtype=torch.int64), packed, tuple(counts))

    def __call__(self, images: Tensor, masks: Tensor, draws: Draws) -> Pair:
        """Transform images (B, K, C, S, S) and masks (B, 1, S, S), uint8 and overwritten; no wait for the device."""
        for stage, (rows, values) in zip(self._stages, draws.unpacked(), strict=True):
            if len(rows):
                of_rows = stage(images.index_select(0, rows), masks.index_select(0, rows), values)
                images.index_copy_(0, rows, of_rows[0])
                masks.index_copy_(0, rows, of_rows[1])
        return images, masks


def _leaves(node: Any) -> Iterator[Any]:
    if isinstance(node, (A.Compose, A.OneOf, A.Sequential)):
        for child in node.transforms:
            yield from _leaves(child)
    else:
        yield node


def _applied(node: Any, force: bool = False) -> Iterator[Any]:
    """The transforms that albumentations would apply, drawn from its generators in its order."""
    if isinstance(node, A.OneOf):
        if force or node.py_random.random() < node.p:
            place = node.random_generator.choice(len(node.transforms), p=node.transforms_ps)
            yield from _applied(node.transforms[place], force=True)
    elif isinstance(node, (A.Compose, A.Sequential)):
        if force or node.py_random.random() < node.p:
            for child in node.transforms:
                yield from _applied(child)
    elif node.should_apply(force_apply=force):
        yield node
