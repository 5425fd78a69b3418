"""Minimum-volume enclosing ellipsoid (MVEE; Khachiyan 1996) and bounding ellipsoid volume ratio (BEVR)."""

from dataclasses import dataclass
from math import gamma, pi, sqrt

import numpy as np
from scipy.spatial import ConvexHull

from lgg_seg.metrics.arrays import Bools, Floats, Ints

TOLERANCE = 1e-4  # largest relative excess of the ellipsoid's volume over the minimum
_MAX_STEPS = 100_000  # a safeguard: hulls of tumours take some hundred


@dataclass(frozen=True)
class Ellipsoid:
    """The points x with (x - centre)ᵀ shape (x - centre) ≤ 1; `centre` (d,), `shape` (d, d) positive definite."""

    centre: Floats
    shape: Floats

    @property
    def volume(self) -> float:
        """Its d-dimensional volume."""
        d = len(self.centre)
        unit_ball = pi ** (d / 2) / gamma(d / 2 + 1)
        return float(unit_ball / sqrt(np.linalg.det(self.shape)))

    def distances(self, points: Floats) -> Floats:
        """(x - centre)ᵀ shape (x - centre) of points (n, d): at most 1 inside."""
        offsets = points - self.centre
        return np.asarray(np.einsum("ni,ij,nj->n", offsets, self.shape, offsets))


def enclosing_ellipsoid(points: Floats, tolerance: float = TOLERANCE) -> Ellipsoid:
    """MVEE of points: the volume is at most `1 + tolerance` times the minimum.

    Khachiyan's ascent on the dual problem (Mathematics of Operations Research 21, 1996) with the away steps of Todd
    and Yildirim (Discrete Applied Mathematics 155, 2007), which make it converge linearly. Of the `points`, finite
    `(n, d)`, those inside the others' convex hull change nothing.

    Raises:
        ValueError: the points lie in a plane, whose enclosing ellipsoid has no volume.
    """
    d = points.shape[1]
    middle = points.mean(axis=0)
    _, singular, axes = np.linalg.svd(points - middle, full_matrices=False)
    if len(points) <= d or singular[-1] <= 1e-9 * max(singular[0], np.finfo(float).tiny):
        raise ValueError(f"{len(points)} points span fewer than {d} dimensions")
    # The problem is the same under affine maps: in the points' own axes and spread it is well conditioned.
    to_whitened = (axes.T / singular) * sqrt(len(points))
    whitened = (points - middle) @ to_whitened
    weights = _dual_weights(whitened, tolerance)
    centre = weights @ whitened
    covariance = (whitened - centre).T @ (whitened * weights[:, None])
    shape = to_whitened @ np.linalg.inv(covariance) @ to_whitened.T / d
    centre = middle + centre @ np.linalg.inv(to_whitened)
    reach = Ellipsoid(centre, shape).distances(points).max()
    return Ellipsoid(centre, shape / reach)


def _dual_weights(points: Floats, tolerance: float) -> Floats:
    """Weights (n,) of the points, with sum 1; the weighted mean and covariance are those of the ellipsoid."""
    count, d = points.shape
    lifted = np.concatenate([points, np.ones((count, 1))], axis=1)
    n = d + 1
    # Todd and Yildirim: κ ≤ (1 + ε) n for all points bounds the volume by (1 + ε)^(n / 2) times the least.
    epsilon = (1 + tolerance) ** (2 / n) - 1
    weights = np.full(count, 1 / count)
    for _ in range(_MAX_STEPS):
        moments = lifted.T @ (lifted * weights[:, None])
        kappa = np.einsum("ni,ij,nj->n", lifted, np.linalg.inv(moments), lifted)
        far = int(kappa.argmax())
        near = int(np.where(weights > 0, kappa, np.inf).argmin())
        if max(kappa[far] / n - 1, 1 - kappa[near] / n) <= epsilon:
            break
        towards = kappa[far] - n >= n - kappa[near]
        chosen = far if towards else near
        step = (kappa[chosen] - n) / (n * (kappa[chosen] - 1))
        if not towards:  # no weight may become negative
            least = -weights[chosen] / (1 - weights[chosen])
            step = max(step, least) if kappa[chosen] > 1 else least
        weights = (1 - step) * weights
        weights[chosen] = max(0.0, weights[chosen] + step)
    return weights


def ellipsoid_volume_ratio(mask: Bools) -> float | None:
    """BEVR (Czarnek 2017, Buda 2019) of a mask (D, H, W): volume over the volume of its MVEE; None for an empty one.

    1 for an ellipsoid, less for any other shape. A voxel is a box here, not a point (the papers do not say), so that
    a single one has the ratio of a box, 2 / (π √3) = 0.368, and no ratio exceeds 1. The ratio does not change under
    affine maps, so the unknown distance of the slices hardly matters.
    """
    if not mask.any():
        return None
    corners = _corners(mask)
    hull = corners[ConvexHull(corners).vertices]
    return float(mask.sum() / enclosing_ellipsoid(hull).volume)


def _corners(mask: Bools) -> Floats:
    """Corners of the first and last voxel of every row: the convex hull needs no other."""
    rows = np.argwhere(mask.any(axis=2))
    occupied = mask[rows[:, 0], rows[:, 1]]
    first = occupied.argmax(axis=1)
    end = mask.shape[2] - occupied[:, ::-1].argmax(axis=1)
    ends: list[Ints] = [
        np.column_stack([rows + np.array(corner), x])
        for x in (first, end)
        for corner in ((0, 0), (0, 1), (1, 0), (1, 1))
    ]
    return np.unique(np.concatenate(ends), axis=0).astype(np.float64)
