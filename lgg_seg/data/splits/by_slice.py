"""Splits by slice, with leakage: only for comparison with published numbers that were made so."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from lgg_seg.data.kaggle.index import Index
from lgg_seg.data.splits.split import LEAKY, Split, require_training, seeded_order, subset_size, take_fold
from lgg_seg.errors import require


@dataclass(frozen=True)
class SliceRandomSplit:
    """Slices at random, whoever they belong to. Leakage: neighbours of a training slice are in the test set."""

    val: float | int = 0.1
    test: float | int = 0.1
    seed: int = 0

    def __call__(self, index: Index) -> Split:
        order = _shuffled(index, range(len(index.slices)), self.seed)
        test = subset_size(self.test, len(order), "split.test")
        val = subset_size(self.val, len(order), "split.val")
        return _leaky(index, order[test + val :], order[test : test + val], order[:test])


@dataclass(frozen=True)
class SliceKFoldSplit:
    """One fold of a cross-validation over slices, whoever they belong to.

    Over all folds every slice is tested once, as by `KFoldSplit`: the two differ in the leakage alone.
    """

    n_splits: int = 5
    fold: int = 0
    val: float | int = 0.1
    seed: int = 0

    def __call__(self, index: Index) -> Split:
        order = _shuffled(index, range(len(index.slices)), self.seed)
        test, rest = take_fold(order, self.n_splits, self.fold, f"slices in {index.root}")
        val = subset_size(self.val, len(order), "split.val")
        return _leaky(index, rest[val:], rest[:val], test)


@dataclass(frozen=True)
class SliceWithinPatientSplit:
    """Every patient's slices at random into all three subsets. Leakage: everyone in the test set was trained on.

    After study 000's code: of n slices of a patient the whole part of (1 - `val` - `test`)·n trains, that of `val`·n
    validates, and the rest is tested. Patients of few slices have none in validation.
    """

    val: float = 0.1
    test: float = 0.1
    seed: int = 0

    def __call__(self, index: Index) -> Split:
        _require_fractions(self.val, self.test)
        train, val, test = [], [], []
        for _, ids in groupby(range(len(index.slices)), key=lambda i: index.slices[i].patient):
            order = _shuffled(index, ids, self.seed)
            # 0.8 * 35 must not be 27.999…
            a, b = (math.floor(share * len(order) + 1e-9) for share in (1 - self.val - self.test, self.val))
            train += order[:a]
            val += order[a : a + b]
            test += order[a + b :]
        return _leaky(index, train, val, test)


@dataclass(frozen=True)
class UnshuffledSliceSplit:
    """The slices in their order, cut in three, the last part the test set, as study 002. Leakage where it cuts.

    A cut goes through a patient: one may be in training and validation, another in validation and the test set.
    """

    val: float = 0.18
    test: float = 0.1

    def __call__(self, index: Index) -> Split:
        _require_fractions(self.val, self.test)
        total = len(index.slices)
        test = total - math.ceil(self.test * total)
        train = test - round(self.val * total)
        return _leaky(index, range(train), range(train, test), range(test, total))


def _shuffled(index: Index, ids: Iterable[int], seed: int) -> list[int]:
    names = {f"{index.slices[i].patient}/{index.slices[i].number}": i for i in ids}
    return [names[name] for name in seeded_order(names, seed)]


def _leaky(index: Index, train: Sequence[int], val: Sequence[int], test: Sequence[int]) -> Split:
    require_training(len(train), "slices")
    return Split.of(index, train, val, test, LEAKY)


def _require_fractions(val: float, test: float) -> None:
    for key, share in (("split.val", val), ("split.test", test)):
        require(0 <= share < 1, key, share, "a fraction of at least 0 and below 1")
