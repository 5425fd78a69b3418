"""Samplers: the order of an epoch is a function of the seed and the epoch, and every rank does its share."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgg_seg.data.kaggle.index import Index, Patient
from lgg_seg.data.kaggle.scan import SliceInfo
from lgg_seg.data.sampling import EpochSampler, SampleKey, TumourWeighted, Uniform
from lgg_seg.errors import UserError

AREAS = {"A": (0, 0, 90, 10), "B": (0, 0, 0), "C": (5,) * 20}


def volume(name: str, areas: tuple[int, ...]) -> Patient:
    slices = tuple(SliceInfo(name, n, "", "", (8, 8), area) for n, area in enumerate(areas, 1))
    return Patient(name, slices, {}, ())


INDEX = Index(Path("root"), tuple(volume(*item) for item in AREAS.items()), "fingerprint")
ALL = range(len(INDEX.slices))


@pytest.mark.parametrize("order", [Uniform(), TumourWeighted()])
def test_the_order_is_a_function_of_seed_and_epoch(order):
    one, other = EpochSampler(order, ALL, INDEX, seed=3), EpochSampler(order, ALL, INDEX, seed=3)
    epochs = []
    for epoch in range(3):
        one.set_epoch(epoch)
        epochs.append(list(one))
    other.set_epoch(2)
    assert list(other) == epochs[2]
    assert [d.slice for d in epochs[0]] != [d.slice for d in epochs[1]]
    assert list(EpochSampler(order, ALL, INDEX, seed=4)) != epochs[0]


def test_uniform_samples_every_slice_once():
    ids = [3, 5, 8, 13]
    keys = list(EpochSampler(Uniform(), ids, INDEX, seed=0))
    assert sorted(keys) == [SampleKey(0, i, 0) for i in ids]


@given(st.sampled_from([Uniform(), TumourWeighted()]), st.integers(1, 40), st.integers(0, 5))
def test_ranks_share_an_epoch_equally_and_no_key_comes_twice(order, world, epoch):
    ranks = [EpochSampler(order, ALL, INDEX, seed=1) for _ in range(world)]
    for rank, sampler in enumerate(ranks):
        sampler.rank, sampler.world = rank, world
        sampler.set_epoch(epoch)
    shares = [list(sampler) for sampler in ranks]
    assert {len(share) for share in shares} == {len(ranks[0])}
    everything = [draw for share in shares for draw in share]
    assert len(set(everything)) == len(everything)
    assert len(ALL) <= len(everything) < len(ALL) + world


def test_a_repeated_slice_counts_its_repeats():
    draws = EpochSampler(TumourWeighted(), ALL, INDEX, seed=0).keys_of(0)
    for i, count in Counter(d.slice for d in draws).items():
        assert [d.repeat for d in draws if d.slice == i] == list(range(count))


def test_tumour_weighted_samples_patients_alike_and_slices_by_area():
    draws = [d.slice for epoch in range(400) for d in EpochSampler(TumourWeighted(), ALL, INDEX, seed=0).keys_of(epoch)]
    assert len(draws) == 400 * len(ALL)
    patients = Counter(INDEX.slices[i].patient for i in draws)
    assert all(abs(count / len(draws) - 1 / 3) < 0.02 for count in patients.values())
    # Patient A by hand: areas 0, 0, 90, 10 and a floor of a tenth of their mean, 2.5 each.
    expected = np.array([2.5, 2.5, 92.5, 12.5]) / 110
    counts = Counter(draws)
    np.testing.assert_allclose([counts[i] / patients["A"] for i in range(4)], expected, atol=0.02)


def test_a_resumed_epoch_goes_on_where_it_stopped_and_the_next_is_whole():
    through, resumed = (EpochSampler(Uniform(), ALL, INDEX, seed=0) for _ in range(2))
    resumed.resume(epoch=2, done=6)
    through.set_epoch(2)
    assert list(resumed) == list(through)[6:]
    for sampler in (through, resumed):
        sampler.set_epoch(3)
    assert list(resumed) == list(through)


def test_a_negative_floor_is_refused():
    with pytest.raises(UserError, match=r"sampler\.floor"):
        TumourWeighted(floor=-0.1)
