"""Losses on logits, each a module over a pure function.

Every loss takes logits `(B, 1, H, W)` and a target of the same shape in {0, 1}, computes in float32 whatever autocast
says, and returns a scalar. Its gradient is finite for any finite logit.

The empty-mask policy is that of the metrics: an empty target predicted empty is right, so the loss tends to 0 as the
probabilities do, and until then there is a gradient that pushes them down, in an all-empty batch too.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lgg_seg.errors import require

_ROOT_FLOOR = 1e-20
"""Keeps the slope of a root finite where a loss underflows to 0; up to gamma = 3 it moves the value by under 1e-6."""


def bce(logits: Tensor, target: Tensor, pos_weight: float = 1.0) -> Tensor:
    """Binary cross-entropy, the mean over all pixels; a tumour pixel counts `pos_weight` times."""
    logits, target = _float32(logits, target)
    return F.binary_cross_entropy_with_logits(logits, target, weight=1 + (pos_weight - 1) * target)


def tversky(logits: Tensor, target: Tensor, alpha: float, beta: float, smooth: float, batch: bool) -> Tensor:
    """1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth) of soft counts, in [0, 1].

    Salehi 2017, arXiv 1706.05721, eq. 2. The paper has no `smooth` (in pixels, above 0); it is what keeps an empty
    target defined. `batch=True` counts over the whole batch, False over each slice and takes the mean.
    """
    return _tversky_terms(logits, target, alpha, beta, smooth, batch).mean()


def focal(logits: Tensor, target: Tensor, gamma: float, alpha: float | None) -> Tensor:
    """-alpha_t (1 - p_t)^gamma log(p_t), the mean over all pixels (Lin 2017, arXiv 1708.02002, eq. 5).

    `alpha` weights tumour and 1 - `alpha` background; None weights neither. The paper divides by the number of matched
    anchors, for which pixels have no counterpart.
    """
    logits, target = _float32(logits, target)
    pixelwise = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    # The power is taken as a logarithm: (1 - p_t) underflows, and a root has no finite slope there.
    modulation = torch.exp(gamma * F.logsigmoid(logits * (1 - 2 * target)))
    weight = 1.0 if alpha is None else alpha * target + (1 - alpha) * (1 - target)
    return (weight * modulation * pixelwise).mean()


def focal_tversky(
    logits: Tensor, target: Tensor, alpha: float, beta: float, gamma: float, smooth: float, batch: bool
) -> Tensor:
    """The Tversky loss to the power 1 / gamma, in [0, 1] (Abraham 2018, arXiv 1810.07842, eq. 4).

    `alpha` weights false positives and `beta` false negatives as in `tversky`; the paper has them the other way round.
    With `batch=False` the power is taken slice by slice.
    """
    terms = _tversky_terms(logits, target, alpha, beta, smooth, batch)
    floor: float = _ROOT_FLOOR ** (1 / gamma)
    return (torch.pow(terms + _ROOT_FLOOR, 1 / gamma) - floor).mean()


class BCE(nn.Module):
    """Binary cross-entropy; see `bce`."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return bce(logits, target)


class WeightedBCE(nn.Module):
    """Binary cross-entropy with `pos_weight` for tumour pixels; see `bce`."""

    def __init__(self, pos_weight: float) -> None:
        super().__init__()
        require(pos_weight > 0, "loss.pos_weight", pos_weight, "above 0")
        self.pos_weight = pos_weight

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return bce(logits, target, self.pos_weight)


class Tversky(nn.Module):
    """Soft Tversky loss; see `tversky`."""

    def __init__(self, alpha: float, beta: float, smooth: float = 0.5, batch: bool = True) -> None:
        super().__init__()
        require(alpha > 0, "loss.alpha", alpha, "above 0, or an empty slice has no gradient")
        require(beta >= 0, "loss.beta", beta, "0 or more")
        require(smooth > 0, "loss.smooth", smooth, "above 0, or an empty slice has no gradient")
        self.alpha, self.beta, self.smooth, self.batch = alpha, beta, smooth, batch

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return tversky(logits, target, self.alpha, self.beta, self.smooth, self.batch)


class Dice(Tversky):
    """1 - (2 TP + 2 smooth) / (2 TP + FP + FN + 2 smooth) of soft counts: the Tversky loss with alpha = beta = 1/2.

    Milletari 2016, arXiv 1606.04797, without the squares in the paper's denominator. `smooth = 0.5` is the "+ 1" of
    most implementations.
    """

    def __init__(self, smooth: float = 0.5, batch: bool = True) -> None:
        super().__init__(alpha=0.5, beta=0.5, smooth=smooth, batch=batch)


class Jaccard(Tversky):
    """1 - (TP + smooth) / (TP + FP + FN + smooth) of soft counts: the Tversky loss with alpha = beta = 1.

    One minus the IoU (Rahman & Wang 2016, "Optimizing Intersection-Over-Union in Deep Neural Networks", eq. 3).
    """

    def __init__(self, smooth: float = 1.0, batch: bool = True) -> None:
        super().__init__(alpha=1.0, beta=1.0, smooth=smooth, batch=batch)


class BCEDice(nn.Module):
    """`bce_weight` · BCE + `dice_weight` · Dice."""

    def __init__(self, bce_weight: float, dice_weight: float, smooth: float = 0.5, batch: bool = True) -> None:
        super().__init__()
        require(bce_weight >= 0, "loss.bce_weight", bce_weight, "0 or more")
        require(dice_weight >= 0, "loss.dice_weight", dice_weight, "0 or more")
        self.bce_weight, self.dice_weight = bce_weight, dice_weight
        self.bce, self.dice = BCE(), Dice(smooth, batch)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        weighted: Tensor = self.bce_weight * self.bce(logits, target) + self.dice_weight * self.dice(logits, target)
        return weighted


class Focal(nn.Module):
    """Focal loss; see `focal`."""

    def __init__(self, gamma: float, alpha: float | None) -> None:
        super().__init__()
        require(gamma >= 0, "loss.gamma", gamma, "0 or more")
        require(alpha is None or 0 < alpha < 1, "loss.alpha", alpha, "between 0 and 1, or null")
        self.gamma, self.alpha = gamma, alpha

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return focal(logits, target, self.gamma, self.alpha)


class FocalTversky(Tversky):
    """Focal Tversky loss; see `focal_tversky`."""

    def __init__(self, alpha: float, beta: float, gamma: float, smooth: float = 0.5, batch: bool = True) -> None:
        super().__init__(alpha, beta, smooth, batch)
        require(gamma >= 1, "loss.gamma", gamma, "1 or more")
        self.gamma = gamma

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return focal_tversky(logits, target, self.alpha, self.beta, self.gamma, self.smooth, self.batch)


def _tversky_terms(logits: Tensor, target: Tensor, alpha: float, beta: float, smooth: float, batch: bool) -> Tensor:
    """The Tversky loss of the batch, a scalar, or of each slice, `(B,)`."""
    logits, target = _float32(logits, target)
    over = (0, 1, 2, 3) if batch else (1, 2, 3)
    probability = torch.sigmoid(logits)
    tp = (probability * target).sum(over)
    fp = (probability * (1 - target)).sum(over)
    fn = ((1 - probability) * target).sum(over)
    errors = alpha * fp + beta * fn
    # 1 - (tp + smooth) / (tp + errors + smooth), without losing all digits where it is near 0.
    return errors / (tp + errors + smooth)


def _float32(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both in float32. Shapes must agree: broadcasting `(B, 1, H, W)` with `(B, H, W)` would mix slices in silence."""
    if logits.shape != target.shape or logits.ndim != 4:
        raise ValueError(f"need logits and target of one shape (B, 1, H, W), got {logits.shape} and {target.shape}")
    return logits.float(), target.float()
