"""The losses against torch and MONAI, at the extremes, and under the laws that tie them together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses import DiceLoss, FocalLoss, TverskyLoss
from omegaconf import OmegaConf
from torch import Tensor, nn

from lgg_seg.errors import UserError
from lgg_seg.losses import BCE, BCEDice, Dice, Focal, FocalTversky, Jaccard, Tversky, WeightedBCE

Make = Callable[[], nn.Module]
CONF = Path(__file__).parents[1] / "conf" / "loss"
SHIPPED = sorted(path.stem for path in CONF.glob("*.yaml"))

seeds = st.integers(min_value=0, max_value=2**31)
shares = st.floats(min_value=0.05, max_value=0.95)


def shipped(name: str) -> nn.Module:
    loss: nn.Module = instantiate(OmegaConf.load(CONF / f"{name}.yaml"))
    return loss


def batch(seed: int = 0, slices: int = 3, spread: float = 3.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn(slices, 1, 8, 8, generator=generator)
    target = (torch.rand(slices, 1, 8, 8, generator=generator) < 0.3).float()
    target[0] = 0
    return logits, target


def gradient(loss: nn.Module, logits: Tensor, target: Tensor) -> Tensor:
    logits = logits.clone().requires_grad_()
    loss(logits, target).backward()
    assert logits.grad is not None
    return logits.grad


# Two pixels, logits 0 and ln 3: p = 1/2 and 3/4; the first is background, the second tumour.
# Soft counts: TP = 3/4, FP = 1/2, FN = 1/4. Cross-entropy: ln 2 and ln 4/3. 1 - p_t: 1/2 and 1/4.
WORKED = [
    (BCE(), (0.693147 + 0.287682) / 2),
    (WeightedBCE(3.0), (0.693147 + 3 * 0.287682) / 2),
    (Dice(smooth=0.5), 1 - (1.5 + 1) / (1.5 + 0.5 + 0.25 + 1)),  # 0.230769
    (Jaccard(smooth=1.0), 1 - (0.75 + 1) / (0.75 + 0.5 + 0.25 + 1)),
    (Tversky(0.2, 0.8, smooth=1.0), 1 - (0.75 + 1) / (0.75 + 0.2 * 0.5 + 0.8 * 0.25 + 1)),  # 0.146341
    (FocalTversky(0.2, 0.8, gamma=2.0, smooth=1.0), 0.146341**0.5),
    (Focal(2.0, None), (0.693147 / 4 + 0.287682 / 16) / 2),
    (Focal(2.0, 0.25), (0.75 * 0.693147 / 4 + 0.25 * 0.287682 / 16) / 2),
    (BCEDice(2.0, 3.0), 2 * 0.490415 + 3 * 0.230769),
]


@pytest.mark.parametrize(("loss", "expected"), WORKED, ids=lambda value: type(value).__name__)
def test_value_worked_by_hand(loss: nn.Module, expected: float) -> None:
    logits = torch.tensor([0.0, 3.0]).view(1, 1, 1, 2)
    logits[..., 1] = torch.log(torch.tensor(3.0))
    assert loss(logits, torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)).item() == pytest.approx(expected, abs=2e-6)


ORACLES = [
    (BCE(), F.binary_cross_entropy_with_logits),
    (WeightedBCE(7.0), nn.BCEWithLogitsLoss(pos_weight=torch.tensor(7.0))),
    (Dice(smooth=0.5, batch=True), DiceLoss(sigmoid=True, batch=True, smooth_nr=1.0, smooth_dr=1.0)),
    (Dice(smooth=2.0, batch=False), DiceLoss(sigmoid=True, batch=False, smooth_nr=4.0, smooth_dr=4.0)),
    (Jaccard(2.0), DiceLoss(sigmoid=True, jaccard=True, batch=True, smooth_nr=4.0, smooth_dr=4.0)),
    (
        Tversky(0.3, 0.7, 0.5, True),
        TverskyLoss(True, sigmoid=True, alpha=0.3, beta=0.7, smooth_nr=0.5, smooth_dr=0.5, batch=True),
    ),
    (Tversky(0.3, 0.7, 0.5, False), TverskyLoss(True, sigmoid=True, alpha=0.3, beta=0.7, smooth_nr=0.5, smooth_dr=0.5)),
    (Focal(2.0, 0.25), FocalLoss(gamma=2.0, alpha=0.25)),
    (Focal(0.5, None), FocalLoss(gamma=0.5)),
]


@pytest.mark.parametrize(("ours", "oracle"), ORACLES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("seed", range(3))
def test_value_and_gradient_equal_the_oracles(ours: nn.Module, oracle: nn.Module, seed: int) -> None:
    logits, target = batch(seed)
    torch.testing.assert_close(ours(logits, target), oracle(logits, target))
    torch.testing.assert_close(gradient(ours, logits, target), gradient(oracle, logits, target))


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("extreme", [-100.0, 100.0])
@pytest.mark.parametrize("tumour", [0.0, 1.0])
def test_extreme_logits_give_finite_loss_and_gradient(name: str, extreme: float, tumour: float) -> None:
    logits, target = torch.full((2, 1, 4, 4), extreme), torch.full((2, 1, 4, 4), tumour)
    loss = shipped(name)
    assert torch.isfinite(loss(logits, target))
    assert torch.isfinite(gradient(loss, logits, target)).all()


@pytest.mark.parametrize("name", SHIPPED)
def test_empty_batch_pushes_every_probability_down(name: str) -> None:
    logits, _ = batch()
    assert (gradient(shipped(name), logits, torch.zeros_like(logits)) > 0).all()


@pytest.mark.parametrize("name", SHIPPED)
def test_empty_batch_predicted_empty_costs_nothing(name: str) -> None:
    target = torch.zeros(2, 1, 8, 8)
    assert shipped(name)(torch.full_like(target, -60.0), target).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", SHIPPED)
def test_perfect_prediction_costs_nothing(name: str) -> None:
    _, target = batch()
    assert shipped(name)(120 * target - 60, target).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", SHIPPED)
def test_computes_in_float32_under_autocast(name: str) -> None:
    logits, target = batch()
    logits = logits.bfloat16()
    loss = shipped(name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(logits, target)
    assert value.dtype == torch.float32
    assert value == loss(logits.float(), target)


@pytest.mark.parametrize("name", SHIPPED)
def test_shapes_that_would_broadcast_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="one shape"):
        shipped(name)(torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4))


@pytest.mark.parametrize("name", ["dice", "jaccard", "tversky", "focal_tversky"])
def test_without_batch_the_loss_is_the_mean_over_slices(name: str) -> None:
    logits, target = batch()
    loss: nn.Module = instantiate(OmegaConf.load(CONF / f"{name}.yaml"), batch=False)
    alone = torch.stack([loss(logits[i : i + 1], target[i : i + 1]) for i in range(len(logits))])
    torch.testing.assert_close(loss(logits, target), alone.mean())


@settings(max_examples=25, deadline=None)
@given(seed=seeds, smooth=st.floats(min_value=0.1, max_value=10), over_batch=st.booleans())
def test_tversky_with_halves_is_dice(seed: int, smooth: float, over_batch: bool) -> None:
    logits, target = batch(seed)
    p = torch.sigmoid(logits.double())
    over = (0, 1, 2, 3) if over_batch else (1, 2, 3)
    overlap, size = 2 * (p * target).sum(over), (p + target).sum(over)
    written_out = (1 - (overlap + 2 * smooth) / (size + 2 * smooth)).mean().float()
    torch.testing.assert_close(Tversky(0.5, 0.5, smooth, over_batch)(logits, target), written_out)
    torch.testing.assert_close(Dice(smooth, over_batch)(logits, target), written_out)


@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_focal_without_gamma_and_alpha_is_bce(seed: int) -> None:
    logits, target = batch(seed)
    torch.testing.assert_close(Focal(0.0, None)(logits, target), BCE()(logits, target))


@settings(max_examples=25, deadline=None)
@given(seed=seeds, alpha=shares, beta=shares, gamma=st.floats(min_value=1, max_value=3), over_batch=st.booleans())
def test_overlap_losses_stay_between_0_and_1(
    seed: int, alpha: float, beta: float, gamma: float, over_batch: bool
) -> None:
    logits, target = batch(seed, spread=30.0)
    for loss in (Tversky(alpha, beta, 0.5, over_batch), FocalTversky(alpha, beta, gamma, 0.5, over_batch)):
        assert 0 <= loss(logits, target).item() <= 1


@settings(max_examples=25, deadline=None)
@given(seed=seeds, first=st.floats(min_value=0, max_value=5), second=st.floats(min_value=0, max_value=5))
def test_bce_dice_is_the_weighted_sum_of_its_parts(seed: int, first: float, second: float) -> None:
    logits, target = batch(seed)
    parts = first * BCE()(logits, target) + second * Dice()(logits, target)
    torch.testing.assert_close(BCEDice(first, second)(logits, target), parts)


@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_focal_tversky_with_gamma_1_is_tversky(seed: int) -> None:
    logits, target = batch(seed)
    torch.testing.assert_close(FocalTversky(0.3, 0.7, 1.0)(logits, target), Tversky(0.3, 0.7)(logits, target))


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: WeightedBCE(0.0), "pos_weight"),
        (lambda: Dice(smooth=0.0), "smooth"),
        (lambda: Tversky(0.0, 1.0), "alpha"),
        (lambda: Tversky(1.0, -0.1), "beta"),
        (lambda: Focal(-1.0, None), "gamma"),
        (lambda: Focal(2.0, 1.5), "alpha"),
        (lambda: FocalTversky(0.3, 0.7, 0.5), "gamma"),
        (lambda: BCEDice(-1.0, 1.0), "bce_weight"),
        (lambda: BCEDice(1.0, -1.0), "dice_weight"),
    ],
)
def test_a_parameter_out_of_range_is_named(make: Make, key: str) -> None:
    with pytest.raises(UserError, match=rf"loss\.{key} is .*; it must be"):
        make()
