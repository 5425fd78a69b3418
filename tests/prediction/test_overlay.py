"""Overlays: outlines, tints, and sheets of slices."""

from __future__ import annotations

import numpy as np

from lgg_seg.prediction.overlay import BAR, MAX_TILES, TILE, chosen_slices, overlay, sheet, window
from lgg_seg.scans.scan import Scan

RNG = np.random.default_rng(0)


def scan(depth: int, height: int = 40, width: int = 30) -> Scan:
    images = RNG.integers(0, 120, (depth, height, width, 3), dtype=np.uint8)
    return Scan(images, ("f",) * depth, tuple(range(1, depth + 1)))


def blob(depth: int, places: list[int]) -> np.ndarray:
    mask = np.zeros((depth, 40, 30), bool)
    mask[places, 10:20, 8:18] = True
    return mask


def coloured(picture: np.ndarray) -> np.ndarray:
    return (picture != picture[..., :1]).any(axis=2)


def test_a_slice_without_tumour_is_grey_all_over() -> None:
    assert not coloured(overlay(scan(1).flair[0], blob(1, [])[0])).any()


def test_colour_is_where_the_tumour_is_and_nowhere_else() -> None:
    picture = overlay(scan(1).flair[0], blob(1, [0])[0], side=400)
    assert picture.shape == (400, 300, 3)
    rows, columns = np.nonzero(coloured(picture))
    assert np.allclose([rows.min(), rows.max(), columns.min(), columns.max()], [100, 199, 80, 179], atol=2)
    assert coloured(picture)[105:195, 85:175].all()


def test_a_slice_is_never_shrunk() -> None:
    assert overlay(np.zeros((700, 600), np.uint8), np.zeros((700, 600), bool)).shape == (700, 600, 3)


def test_a_dim_volume_is_brightened_and_a_blank_one_stays_black() -> None:
    dim = RNG.integers(0, 40, (2, 30, 30), dtype=np.uint8)
    assert window(dim).max() == 255
    assert not window(np.zeros((2, 4, 4), np.uint8)).any()


def test_a_sheet_shows_slices_with_tumour_spread_over_it() -> None:
    assert list(chosen_slices(blob(30, [4, 5, 9]))) == [4, 5, 9]
    chosen = list(chosen_slices(blob(60, list(range(10, 50)))))
    assert (len(chosen), chosen[0], chosen[-1]) == (MAX_TILES, 10, 49)
    assert len(set(chosen)) == MAX_TILES


def test_without_tumour_a_sheet_shows_the_whole_volume() -> None:
    chosen = chosen_slices(blob(30, []))
    assert (chosen[0], chosen[-1]) == (0, 29)
    assert not coloured(sheet(scan(30), blob(30, []), "nobody")).any()


def test_a_sheet_of_any_number_of_slices_is_one_picture() -> None:
    assert sheet(scan(1), blob(1, [0]), "Zoë").shape == (BAR + TILE, 192, 3)
    assert sheet(scan(9), blob(9, list(range(5))), "x").shape == (BAR + 2 * TILE, 4 * 192, 3)
