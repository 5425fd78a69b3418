"""Outlines and colours lie where the mask and the probability are, as the legends say."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np

from lgg_seg.app.pictures import (
    FALSE,
    MIN_COLOURED,
    MISSED,
    OVERLAP,
    PREDICTION,
    SIDE,
    TRUTH,
    background,
    colours,
    errors,
    heat_legend,
    heated,
    outline_legend,
    outlined,
    windowed,
)
from lgg_seg.prediction.overlay import enlarged

GREY = np.full((64, 48, 3), 40, np.uint8)
BOX = np.zeros((64, 48), np.bool_)
BOX[20:40, 10:30] = True


def coloured(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.argwhere((picture == np.array(colour, np.uint8)).all(axis=2))


def test_pictures_are_enlarged_without_changing_their_proportions() -> None:
    assert enlarged(GREY, SIDE).shape == (SIDE, SIDE * 48 // 64, 3)
    assert enlarged(np.zeros((1024, 512, 3), np.uint8), SIDE).shape == (1024, 512, 3)


def test_the_prediction_is_outlined_where_it_is() -> None:
    scale = SIDE / 64
    places = coloured(outlined(GREY, BOX, None), PREDICTION)
    assert np.allclose(places.min(axis=0), [20 * scale, 10 * scale], atol=3)
    assert np.allclose(places.max(axis=0), [40 * scale, 30 * scale], atol=3)
    inside = (places > np.array([22, 12]) * scale).all(axis=1) & (places < np.array([38, 28]) * scale).all(axis=1)
    assert not inside.any()


def test_both_outlines_are_visible_where_they_agree() -> None:
    drawn = outlined(GREY, BOX, BOX)
    solid, dashed = len(coloured(drawn, PREDICTION)), len(coloured(drawn, TRUTH))
    assert solid > 100
    assert dashed > 100
    assert len(coloured(outlined(GREY, None, BOX), PREDICTION)) == 0


def test_without_outlines_the_slice_is_unchanged() -> None:
    assert np.array_equal(outlined(GREY, None, None), enlarged(GREY, SIDE))
    assert np.array_equal(outlined(GREY, np.zeros_like(BOX), np.zeros_like(BOX)), enlarged(GREY, SIDE))


def test_low_probabilities_leave_the_anatomy_and_high_ones_are_coloured() -> None:
    probability = np.where(BOX, 1.0, MIN_COLOURED / 2).astype(np.float32)
    drawn = heated(GREY, probability)
    assert np.array_equal(drawn[:100, :100], enlarged(GREY, SIDE)[:100, :100])
    top = np.array(mpl.colormaps["plasma"](1.0)[:3]) * 255
    assert np.allclose(drawn[30 * 12, 20 * 12], 40 * 0.3 + top * 0.7, atol=1)


def test_the_colours_are_those_of_matplotlibs_plasma() -> None:
    probability = np.linspace(0, 1, 1001, dtype=np.float32)[None]
    expected = (mpl.colormaps["plasma"](probability)[..., :3] * 255).round()
    assert np.array_equal(colours(probability), expected)


def test_sequences_are_brightened_each_over_the_whole_volume() -> None:
    images = np.zeros((2, 8, 8, 3), np.uint8)
    images[0, ..., 1], images[1, ..., 1] = 50, 100
    images[..., 0] = 10
    images[0, 0] = 0
    flair = background(images, "FLAIR")
    assert np.array_equal(flair[..., 0], flair[..., 2])
    assert flair[1, 1, 1, 0] == 255
    assert abs(int(flair[0, 1, 1, 0]) - 128) <= 1
    colour = background(images, "all three")
    assert np.array_equal(colour[..., 1], flair[..., 0])
    assert not np.array_equal(colour[..., 0], colour[..., 1])


def test_the_legend_names_the_ground_truth_only_where_there_is_one() -> None:
    assert "ground truth" not in outline_legend("P ≥ 0.50", truth=False, in_slice=False)
    assert "none for this slice" in outline_legend("P ≥ 0.50", truth=True, in_slice=False)
    assert "P ≥ 0.30" in outline_legend("P ≥ 0.30", truth=True, in_slice=True)
    assert "highest here: 0.42" in heat_legend(0.42)


def test_a_narrower_window_has_more_contrast_and_the_whole_one_changes_nothing() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert np.array_equal(windowed(ramp, (0, 255)), ramp)
    narrow = windowed(ramp, (100, 151))[0, :, 0]
    assert [int(narrow[at]) for at in (0, 100, 151, 255)] == [0, 0, 255, 255]
    assert narrow[126] == 130


def test_an_error_map_tells_what_was_found_from_what_is_too_much_and_what_was_missed() -> None:
    moved = np.roll(BOX, 10, axis=1)
    drawn = errors(GREY, BOX, moved, opacity=1.0)
    scale = SIDE // 64
    places = {OVERLAP: (30, 25), FALSE: (30, 15), MISSED: (30, 35)}
    assert all(tuple(drawn[y * scale, x * scale]) == colour for colour, (y, x) in places.items())
    assert np.array_equal(errors(GREY, BOX, moved, opacity=0.0), enlarged(GREY, SIDE))
