"""A figure shows what it says it shows: read back from matplotlib's own objects, and drawn to pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure

from lgg_seg.metrics.curves import PixelCurves
from lgg_seg.reporting.colours import PREDICTION, TRUTH
from lgg_seg.reporting.figures import Panel, draw, learning_curves, operating_figure, panel_grid

HISTORY = [
    {"epoch": epoch, "train/loss": 1 / (epoch + 1), "val/loss": 2 / (epoch + 1), "train/dice": 0.1 * epoch,
     "val/dice": dice, "train/recall": 0.2 * epoch, "val/recall": dice / 2, "lr": 1e-3 / (epoch + 1)}
    for epoch, dice in enumerate([0.2, 0.7, 0.5])
]  # fmt: skip


def pixels(figure: Figure) -> np.ndarray:
    """The figure as it is drawn, (H, W, 3) uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def contours(axes: Axes) -> set[str]:
    """The colours of the contours that stand in a slice."""
    sets = [child for child in axes.get_children() if isinstance(child, ContourSet)]
    return {colors.to_hex(colour) for one in sets for colour in one.get_edgecolor()}


def square(low: int, high: int) -> np.ndarray:
    mask = np.zeros((32, 32), bool)
    mask[low:high, low:high] = True
    return mask


def panel(title: str = "slice", truth: np.ndarray | None = None, prediction: np.ndarray | None = None) -> Panel:
    flair = np.random.default_rng(0).integers(0, 200, (32, 32), dtype=np.uint8)
    empty = square(0, 0)
    return Panel(title, flair, empty if truth is None else truth, empty if prediction is None else prediction)


def test_learning_curves_hold_every_epochs_numbers_and_mark_the_best() -> None:
    figure = learning_curves(HISTORY, "unet, seed 1")
    *panels, rate = figure.axes
    drawn = {
        (name, line.get_label()): list(line.get_ydata())
        for name, axes in zip(("loss", "dice", "recall"), panels, strict=True)
        for line in axes.lines[:2]
    }
    assert drawn == {
        (name, subset): [row[f"{subset}/{name}"] for row in HISTORY]
        for name in ("loss", "dice", "recall") for subset in ("train", "val")
    }  # fmt: skip
    assert list(rate.lines[0].get_ydata()) == [row["lr"] for row in HISTORY]
    assert [axes.lines[2].get_xdata()[0] for axes in panels] == [2, 2, 2]
    assert [axes.get_title() for axes in panels] == ["loss", "patient Dice: best 0.700, epoch 2", "patient recall"]
    assert figure.get_suptitle() == "unet, seed 1; dotted: the best epoch by patient Dice"


def test_one_epoch_is_enough_for_a_learning_curve() -> None:
    assert len(learning_curves(HISTORY[:1], "one").axes[0].lines[0].get_ydata()) == 1


def test_operating_curves_hold_roc_precision_recall_and_dice_by_threshold() -> None:
    curves = PixelCurves(*(np.array(row) for row in ([0.9, 0.4, 0.1], [0, 0.1, 1], [0.5, 0.8, 1], [1, 0.6, 0.3])))
    dice = np.linspace(0, 1, 201)
    roc, pr, by_threshold = operating_figure(curves, dice, threshold=0.35, title="a run").axes
    assert np.array_equal(roc.lines[0].get_xdata(), curves.false_positive_rate)
    assert np.array_equal(roc.lines[0].get_ydata(), curves.recall)
    assert np.array_equal(pr.lines[0].get_xdata(), curves.recall)
    assert np.array_equal(pr.lines[0].get_ydata(), curves.precision)
    assert [(*axes.lines[1].get_xdata(), *axes.lines[1].get_ydata()) for axes in (roc, pr)] == [(0.1, 0.8), (0.8, 0.6)]
    assert roc.get_title() == "pixel ROC: AUROC 0.875"  # (.5 + .8) / 2 * .1 + (.8 + 1) / 2 * .9
    assert pr.get_title() == "pixel precision and recall: AP 0.740"  # .5 * 1 + .3 * .6 + .2 * .3
    assert np.array_equal(by_threshold.lines[0].get_ydata(), dice)
    assert by_threshold.lines[1].get_xdata()[0] == 0.35
    assert roc.figure.get_suptitle() == "a run; dots and dotted line: threshold 0.35"


def test_of_one_class_there_is_no_curve_but_a_sentence() -> None:
    roc, pr, _ = operating_figure(None, np.zeros(201), threshold=0.5, title="no tumour").axes
    assert [axes.texts[0].get_text() for axes in (roc, pr)] == ["all pixels are of one class"] * 2


@pytest.mark.parametrize(
    ("truth", "prediction", "expected"),
    [
        (square(5, 20), square(8, 22), {TRUTH, PREDICTION}),
        (square(5, 20), None, {TRUTH}),
        (None, square(8, 22), {PREDICTION}),
        (None, None, set()),
    ],
)
def test_a_slice_has_a_contour_of_each_mask_that_is_not_empty(
    truth: np.ndarray | None, prediction: np.ndarray | None, expected: set[str]
) -> None:
    axes = Figure().subplots()
    one = panel("T1 / 7", truth, prediction)
    draw(axes, one)
    assert contours(axes) == expected
    assert np.array_equal(axes.images[0].get_array(), one.flair)


def test_a_contour_runs_along_the_masks_edge() -> None:
    axes = Figure().subplots()
    draw(axes, panel(truth=square(5, 20)))
    (contour,) = (child for child in axes.get_children() if isinstance(child, ContourSet))
    corners = contour.get_paths()[0].vertices
    assert corners.min() == pytest.approx(4.5)
    assert corners.max() == pytest.approx(19.5)


def test_a_mask_of_nearly_all_pixels_is_outlined_at_the_slices_edge() -> None:
    nearly_all = ~square(5, 8)
    axes = Figure().subplots()
    draw(axes, panel(prediction=nearly_all))
    (contour,) = (child for child in axes.get_children() if isinstance(child, ContourSet))
    corners = contour.get_paths()[0].vertices
    assert corners.min() == pytest.approx(-0.25)
    assert corners.max() == pytest.approx(len(nearly_all) - 1 + 0.25)


def test_a_slice_that_is_not_square_is_in_the_middle_of_its_place_and_its_contour_on_its_pixels() -> None:
    mask = np.zeros((16, 32), bool)
    mask[4:8, 8:24] = True
    masks = mask[:, :16], mask
    (axes,) = panel_grid({"": [Panel("", one.astype(np.uint8), one, one) for one in masks]}, "").axes
    square, wide = (image.get_extent() for image in axes.images)
    assert square[1] - square[0] == pytest.approx(square[2] - square[3])
    assert wide[2] - wide[3] == pytest.approx((wide[1] - wide[0]) / 2)
    assert wide[2] + wide[3] == pytest.approx(square[2] + square[3])
    contour = next(child for child in reversed(axes.get_children()) if isinstance(child, ContourSet))
    corners = contour.get_paths()[0].vertices
    assert corners.min(axis=0) == pytest.approx(
        [wide[0] + (wide[1] - wide[0]) * 8 / 32, wide[3] + (wide[2] - wide[3]) * 4 / 16]
    )


@pytest.mark.parametrize("columns", [1, 4])
def test_a_heading_has_the_room_that_its_lines_take(columns: int) -> None:
    figure = panel_grid({"best": [panel(str(k), square(5, 20)) for k in range(columns)]}, "eight words of a title " * 6)
    renderer = FigureCanvasAgg(figure).get_renderer()
    heading = next(text for text in figure.texts if "truth blue" in text.get_text())
    below = [text.get_window_extent(renderer).y1 for text in figure.axes[0].texts]
    assert len(below) == 1 + columns
    assert heading.get_window_extent(renderer).y0 > max(below)
    assert heading.get_window_extent(renderer).x1 < figure.bbox.x1


def test_the_axis_of_a_single_epoch_has_whole_epochs() -> None:
    row = {"epoch": 0, "train/loss": 0.5, "val/loss": 0.6, "val/dice": 0.4, "lr": 1e-3, "seconds": 1.0}
    for axes in learning_curves([row], "one").axes:
        low, high = axes.get_xlim()
        assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [0, 1, 2]


def test_a_grid_has_a_row_a_name_and_leaves_the_places_of_missing_slices_empty() -> None:
    row = [panel(str(epoch), square(5, 20), square(6, 18)) for epoch in range(3)]
    figure = panel_grid({"first": row, "second": row[:1]}, "Slices")
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["first", "0", "1", "2", "second", "0"]
    corners = [(round(left, 2), round(top, 2)) for left, _, _, top in (image.get_extent() for image in axes.images)]
    (first, top), second = corners[0], round(corners[0][1] + 2.7, 2)
    assert corners == [(first, top), (first + 2.5, top), (first + 5, top), (first, second)]
    assert "truth blue and dashed, prediction orange" in figure.get_suptitle()
    drawn = pixels(figure).reshape(-1, 3)
    for colour in (TRUTH, PREDICTION):
        wanted = np.array(colors.to_rgb(colour)) * 255
        assert (np.abs(drawn - wanted).max(axis=1) < 30).sum() > 50, f"{colour} is not to be seen"


def test_a_black_slice_is_drawn_black() -> None:
    axes = Figure().subplots()
    draw(axes, Panel("", np.zeros((8, 8), np.uint8), square(0, 0)[:8, :8], square(0, 0)[:8, :8]))
    assert axes.images[0].get_clim() == (0, 1)


def test_every_figure_can_be_saved_as_a_png() -> None:
    line = np.linspace(0, 1, 201)
    for figure in (
        learning_curves(HISTORY, "curves"),
        operating_figure(PixelCurves(line[::-1], line, line, line), line, 0.5, "a run"),
        panel_grid({"row": [panel()]}, "panels"),
    ):
        file = io.BytesIO()
        figure.savefig(file)
        assert file.getvalue().startswith(b"\x89PNG")
        assert pixels(figure).std() > 5, "nothing is drawn"
