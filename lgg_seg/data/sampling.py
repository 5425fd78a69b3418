"""Sampling of slices: what an epoch sees, in what order, as a function of the run's seed and the epoch alone."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch.distributed
from numpy.typing import NDArray
from torch.utils.data import Sampler

from lgg_seg.data.kaggle.index import Index
from lgg_seg.errors import require


class SampleKey(NamedTuple):
    """A slice, by its id in the index, sampled in an epoch for the `repeat`-th time, from 0; seeds augmentation."""

    epoch: int
    slice: int
    repeat: int


SamplingStrategy = Callable[[Sequence[int], Index, np.random.Generator], NDArray[np.int64]]
"""The ids of an epoch's slices in order, as many as there are in the ids given; a member of the group `sampler`."""


@dataclass(frozen=True)
class Uniform:
    """Every slice once."""

    def __call__(self, slices: Sequence[int], index: Index, generator: np.random.Generator) -> NDArray[np.int64]:  # noqa: ARG002  # a SamplingStrategy's signature
        return generator.permutation(np.asarray(slices, np.int64))


@dataclass(frozen=True)
class TumourWeighted:
    """A patient at random, then one of their slices in proportion to its tumour's area; with replacement.

    After mateuszbuda/brain-segmentation-pytorch: every slice's weight is its tumour's area in pixels plus `floor`
    times the mean area over the patient's slices. A patient without tumour has equal weights.
    """

    floor: float = 0.1

    def __post_init__(self) -> None:
        require(self.floor >= 0, "sampler.floor", self.floor, "0 or more")

    def __call__(self, slices: Sequence[int], index: Index, generator: np.random.Generator) -> NDArray[np.int64]:
        volumes: defaultdict[str, list[int]] = defaultdict(list)
        for i in slices:
            volumes[index.slices[i].patient].append(i)
        ids = list(volumes.values())
        weights = [self.probabilities(np.array([index.slices[i].tumour_pixels for i in volume])) for volume in ids]
        patients = generator.integers(len(ids), size=len(slices))
        return np.array([generator.choice(ids[p], p=weights[p]) for p in patients], np.int64)

    def probabilities(self, areas: NDArray[np.int64]) -> NDArray[np.float64]:
        """The probability of each of a patient's slices, from their tumours' areas (D,) in pixels."""
        if not areas.any():
            return np.full(len(areas), 1 / len(areas))
        weights = areas + self.floor * areas.mean()
        return np.asarray(weights / weights.sum(), np.float64)


class EpochSampler(Sampler[SampleKey]):
    """Keys of an epoch, of the slices with these ids, for this process's `rank` among `world`: for each equally many.

    The order is f(seed, epoch), whatever was sampled before. Lightning calls `set_epoch`.
    """

    def __init__(self, sampling: SamplingStrategy, slices: Sequence[int], index: Index, seed: int) -> None:
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        self.rank = torch.distributed.get_rank() if distributed else 0
        self.world = torch.distributed.get_world_size() if distributed else 1
        self._sampling, self._slices, self._index, self._seed = sampling, tuple(slices), index, seed
        self._epoch = 0
        self._resumed = (0, 0)

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def resume(self, epoch: int, done: int) -> None:
        """Go on in the middle of an epoch, after this rank's first `done` keys; other epochs are whole."""
        self._epoch = epoch
        self._resumed = (epoch, done)

    def __len__(self) -> int:
        return -(-len(self._slices) // self.world)

    def __iter__(self) -> Iterator[SampleKey]:
        resumed, done = self._resumed
        keys = self.keys_of(self._epoch)[self.rank :: self.world]
        return iter(keys[done:] if self._epoch == resumed else keys)

    def keys_of(self, epoch: int) -> list[SampleKey]:
        """The keys of an epoch over all ranks, begun anew at the end until they can be dealt out equally."""
        order = self._sampling(self._slices, self._index, np.random.default_rng((self._seed, epoch))).tolist()
        seen: Counter[int] = Counter()
        keys = []
        for i in order + order[: len(self) * self.world - len(order)]:
            keys.append(SampleKey(epoch, i, seen[i]))
            seen[i] += 1
        return keys
