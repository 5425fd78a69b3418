"""The streaming metrics against the counts of whole volumes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lgg_seg.metrics.overlap import confusion, dice, iou, recall
from lgg_seg.metrics.streaming import BinarySliceMetrics, MeanLoss, PatientDice
from tests.metrics.volumes import blobs

Batch = tuple[Tensor, Tensor, Tensor]
PATIENTS = 4  # of which the third is never seen, and the last is empty in prediction and truth


def slices() -> Batch:
    seen = {0: (blobs(0), blobs(1)), 1: (blobs(2), blobs(3)), 3: (np.zeros_like(blobs(0)), np.zeros_like(blobs(0)))}
    masks = [torch.from_numpy(np.concatenate(side)) for side in zip(*seen.values(), strict=True)]
    return masks[0], masks[1], torch.repeat_interleave(torch.tensor(list(seen)), len(blobs(0)))


def expected() -> list[float]:
    counts = [confusion(blobs(0), blobs(1)).sum(), confusion(blobs(2), blobs(3)).sum()]
    return [(sum(float(overlap(c)) for c in counts) + 1) / 3 for overlap in (dice, iou, recall)]


def result(metric: PatientDice) -> list[float]:
    values = metric.compute()
    return [values[name].item() for name in ("dice", "iou", "recall")]


def test_the_mean_loss_weighs_batches_by_their_slices_and_keeps_nan() -> None:
    metric = MeanLoss()
    metric.update(torch.tensor(1.0), 3)
    metric.update(torch.tensor(2.0), 1)
    assert float(metric.compute()) == 1.25
    metric.update(torch.tensor(float("nan")), 1)
    assert metric.compute().isnan()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), size=st.integers(1, 18))
def test_order_and_batching_change_nothing(seed: int, size: int) -> None:
    prediction, truth, patient = slices()
    metric = PatientDice(PATIENTS)
    for chosen in torch.randperm(len(patient), generator=torch.Generator().manual_seed(seed)).split(size):
        metric.update(prediction[chosen], truth[chosen], patient[chosen])
    assert result(metric) == pytest.approx(expected(), abs=1e-6)


def test_states_of_two_ranks_add_up() -> None:
    prediction, truth, patient = slices()
    ranks = [PatientDice(PATIENTS), PatientDice(PATIENTS)]
    for rank, metric in enumerate(ranks):
        metric.update(prediction[rank::2], truth[rank::2], patient[rank::2])
    for state, reduce_states in ranks[0]._reductions.items():
        assert callable(reduce_states)
        setattr(ranks[0], state, reduce_states(torch.stack([getattr(metric, state) for metric in ranks])))
    assert result(ranks[0]) == pytest.approx(expected(), abs=1e-6)


def test_a_metric_reset_in_inference_mode_goes_on_outside_it() -> None:
    metric = PatientDice(PATIENTS)
    with torch.inference_mode():
        metric.update(*slices())
        metric.reset()
    metric.update(*slices())
    assert result(metric) == pytest.approx(expected(), abs=1e-6)


def test_index_masks_are_refused() -> None:
    prediction, truth, patient = slices()
    with pytest.raises(TypeError, match="boolean"):
        PatientDice(PATIENTS).update(prediction.byte(), truth, patient)


def test_shapes_that_would_broadcast_are_refused() -> None:
    prediction, truth, patient = slices()
    with pytest.raises(ValueError, match="shapes"):
        PatientDice(PATIENTS).update(prediction[:1], truth, patient)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_update_does_not_wait_for_the_gpu() -> None:
    metric = PatientDice(PATIENTS).cuda()
    prediction, truth, patient = (part.cuda() for part in slices())
    metric.update(prediction, truth, patient)
    torch.cuda.set_sync_debug_mode("error")
    try:
        metric.update(prediction, truth, patient)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert result(metric) == pytest.approx(expected(), abs=1e-6)


def test_classifier_measures_cover_all_batches_until_a_reset() -> None:
    """Four slices in two batches, worked by hand: of four pairs the yes of .9 wins two, that of .4 wins one."""
    answers = BinarySliceMetrics()
    answers.update(torch.tensor([0.9, 0.6]), torch.tensor([True, False]))
    answers.update(torch.tensor([0.4, 0.1]), torch.tensor([True, False]))
    found = {name: float(value) for name, value in answers.compute().items()}
    assert found == pytest.approx({"accuracy": 2 / 4, "f1": 2 / 4, "auroc": 3 / 4})
    answers.reset()
    answers.update(torch.tensor([0.9]), torch.tensor([True]))
    assert answers.compute()["auroc"].isnan(), "one class alone"
    assert float(answers.compute()["accuracy"]) == 1.0
