"""What is drawn is where it was found, in the colour that the legend says."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np

from lgg_seg.app.legends import heat_legend, outline_legend
from lgg_seg.app.pictures import COLOURS, FAINTEST, PREDICTION, SIDE, TRUTH, background, heated, outlined
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


def test_where_prediction_and_ground_truth_agree_both_are_seen() -> None:
    drawn = outlined(GREY, BOX, BOX)
    solid, dashed = len(coloured(drawn, PREDICTION)), len(coloured(drawn, TRUTH))
    assert solid > 100
    assert dashed > 100
    assert len(coloured(outlined(GREY, None, BOX), PREDICTION)) == 0


def test_what_is_left_out_of_the_outlines_leaves_the_slice_as_it_is() -> None:
    assert np.array_equal(outlined(GREY, None, None), enlarged(GREY, SIDE))
    assert np.array_equal(outlined(GREY, np.zeros_like(BOX), np.zeros_like(BOX)), enlarged(GREY, SIDE))


def test_low_probabilities_leave_the_anatomy_alone_and_high_ones_are_the_legends_colours() -> None:
    probability = np.where(BOX, 1.0, FAINTEST / 2).astype(np.float32)
    drawn = heated(GREY, probability)
    assert np.array_equal(drawn[:100, :100], enlarged(GREY, SIDE)[:100, :100])
    top = np.array(mpl.colormaps[COLOURS](1.0)[:3]) * 255
    assert np.allclose(drawn[30 * 12, 20 * 12], 40 * 0.3 + top * 0.7, atol=1)


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
    assert "ground truth" not in outline_legend("P ≥ 0.50", given=False, here=False)
    assert "none for this slice" in outline_legend("P ≥ 0.50", given=True, here=False)
    assert "P ≥ 0.30" in outline_legend("P ≥ 0.30", given=True, here=True)
    assert "highest here: 0.42" in heat_legend(0.42)
