"""The whole data set on the device: batches are gathered and augmented there, and only keys and draws cross to it.

The transforms of an `Augmentation` are drawn for each item by albumentations on the host, and done for whole batches.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from lgg_seg.data.augmentation import A, Augmentation
from lgg_seg.data.cache import Cache
from lgg_seg.data.dataset import statistics_of_copies
from lgg_seg.data.kaggle.index import Index
from lgg_seg.data.preprocessing import neighbours
from lgg_seg.data.sampling import SampleKey
from lgg_seg.data.stages import Pair, Shape, Stage, stage_of
from lgg_seg.errors import UserError

CHUNK = 256  # slices copied to the device at once
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


class DrawnSlices(Dataset[tuple[int, Draw]]):
    """Draws by `SampleKey`, without pixels; with an augmentation, the seed and the key determine them."""

    def __init__(self, cache: Cache, augment: DeviceAugmentation | None, seed: int) -> None:
        self._shape, self._augment, self._seed = cache.images.shape[1:], augment, seed

    def __getitem__(self, key: SampleKey) -> tuple[int, Draw]:
        return key.slice, self._augment.draw((self._seed, *key), self._shape) if self._augment else {}

    def collate(self, items: Sequence[tuple[int, Draw]]) -> dict[str, Any]:
        """A batch for `DeviceFeed`: slice ids (B,) int64, and draws."""
        slices = {"slice": torch.tensor([place for place, _ in items])}
        return slices | ({"draws": self._augment.pack([draw for _, draw in items])} if self._augment else {})


class DeviceFeed:
    """All slices of a cache as uint8 tensors on the first batch's device, where it completes `DrawnSlices`' batches."""

    def __init__(self, cache: Cache, index: Index, context: int, augment: DeviceAugmentation) -> None:
        self._cache, self._index, self._context, self._augment = cache, index, context, augment
        self._images: Tensor | None = None

    def complete(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """A batch of `DrawnSlices` on the device as a batch of `Item`."""
        slices = batch["slice"]
        if self._images is None or self._images.device != slices.device:
            self._upload(slices.device)
        assert self._images is not None
        rows = self._neighbours[slices]
        images = self._images.index_select(0, rows.flatten()).view(*rows.shape, *self._images.shape[1:])
        masks = self._masks.index_select(0, slices)
        patient = self._patient_of[slices]
        statistics = self._statistics[patient]
        if "draws" in batch:
            images, masks = self._augment(images, masks, batch["draws"])
            statistics = statistics_of_copies(images, statistics)
        return {
            "image": images.flatten(1, 2),
            "mask": masks,
            "statistics": statistics.repeat(1, images.shape[1], 1),
            "slice": slices,
            "patient": patient,
        }

    def _upload(self, device: torch.device) -> None:
        count, height, width, channels = self._cache.images.shape
        self._images = torch.empty((count, channels, height, width), dtype=torch.uint8, device=device)
        for start in range(0, count, CHUNK):
            chunk = torch.from_numpy(np.array(self._cache.images[start : start + CHUNK]))
            self._images[start : start + CHUNK] = chunk.to(device).permute(0, 3, 1, 2)
        self._masks = torch.from_numpy(np.array(self._cache.masks)[:, None]).to(device)
        self._statistics = torch.from_numpy(np.array(self._cache.statistics)).to(device)
        self._patient_of = torch.from_numpy(self._index.patient_of).to(device)
        self._neighbours = torch.from_numpy(neighbours(self._index.patient_of, self._context)).to(device)
