"""The report's figures show the table's numbers: read back from matplotlib's own objects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import colors

from lgg_seg.comparison.failures import by_difficulty, strata
from lgg_seg.comparison.runs import Run, find_runs
from lgg_seg.comparison.segmentation import SegmentationTable
from lgg_seg.comparison.tables import Leaderboard, build_leaderboard
from lgg_seg.errors import UserError
from lgg_seg.reporting import metadata
from lgg_seg.reporting.html import contours, costs, curves, forests, patients
from lgg_seg.reporting.html.drawing import OTHERS, PALETTE, PAPER, Style, palette, spread, table_styles, wrapped
from lgg_seg.runs.masks import PatientMasks, write_masks
from tests.comparison.run_folders import Volume, tree_volumes, volumes, write_run

MODELS = ("unet_slim", "unet_bn", "r2unet")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    """Three networks with two seeds on seven patients: one far behind, one a voxel or two."""
    folder = tmp_path_factory.mktemp("figures")
    names = list(volumes(7))
    for model, level in zip(MODELS, (0.35, 0.80, 0.801), strict=True):
        for seed in (1, 2):
            dice = {name: level + 0.02 * seed + 0.015 * i for i, name in enumerate(names)}
            cost = {"parameters": 1e6 * len(model), "train_seconds": 100.0 * seed}
            write_run(folder / f"{model}_{seed}", [f"model={model}", f"seed={seed}"], dice=dice, truths=volumes(7),
                      cost=cost, epochs=2 + seed)  # fmt: skip
    return build_leaderboard(find_runs([folder]))


@pytest.fixture(scope="module")
def table(board: Leaderboard) -> SegmentationTable:
    return board.tables[0]


@pytest.fixture(scope="module")
def styles(board: Leaderboard, table: SegmentationTable) -> list[Style]:
    return table_styles(table, palette(board))


def test_the_forest_has_each_entrys_interval_patients_and_seeds(table: SegmentationTable, styles: list[Style]) -> None:
    axes = forests.forest(table, styles).axes[0]
    intervals = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 2.4]
    assert [list(line.get_xdata()) for line in intervals] == [e.metrics["patient/dice"]["ci95"] for e in table.entries]
    assert [line.get_color() for line in intervals] == list(PALETTE[:3])
    points = [np.asarray(one.get_offsets())[:, 0] for one in axes.collections]
    for k, entry in enumerate(table.entries):
        assert np.allclose(points[2 * k], table.dice[:, k])
        assert np.allclose(points[2 * k + 1], list(entry.seed_scores.values()))


def test_a_difference_is_filled_only_where_it_is_clear(table: SegmentationTable, styles: list[Style]) -> None:
    axes = forests.difference_forest(table, styles).axes[0]
    marks = [line for line in axes.lines if line.get_marker() == "o"]
    expected = {d.name: (d.mean, d.significance) for d in table.statistics.differences}
    assert {standing for _, standing in expected.values()} == {"worse", "inseparable"}
    for mark, entry in zip(marks, table.entries[1:], strict=True):
        mean, standing = expected[entry.label]
        assert mark.get_xdata()[0] == mean
        assert (mark.get_markerfacecolor() == PAPER) == (standing == "inseparable")


def test_the_rank_map_holds_the_shares(table: SegmentationTable, styles: list[Style]) -> None:
    axes = forests.rank_map(table, styles).axes[0]
    assert np.array_equal(axes.images[0].get_array(), table.ranks)
    assert sum(float(text.get_text().rstrip("%") or 0) for text in axes.texts) == pytest.approx(300, abs=2)


def test_the_patient_map_is_sorted_by_difficulty(table: SegmentationTable, styles: list[Style]) -> None:
    axes = patients.patient_map(table, styles).axes[0]
    shown = np.asarray(axes.images[0].get_array())
    assert np.all(np.diff(shown.mean(axis=0)) >= 0)
    shown_names = [label.get_text() for label in axes.get_xticklabels()]
    assert shown_names == ["_".join(name.split("_")[1:3]) for name in by_difficulty(table)]


def test_failed_and_successful_patients_have_colours_of_different_kind() -> None:
    failed, fine = (np.array(patients.AROUND_FAILED(value)[:3]) for value in (0.4, 0.6))
    assert failed[0] > failed[2], "orange"
    assert fine[2] > fine[0], "blue"


def test_strata_show_every_group_with_its_size(table: SegmentationTable, styles: list[Style]) -> None:
    sizes = [one for one in strata(table) if one.stratum == "tumour_size"]
    axes = patients.stratum_plot(table, styles, sizes).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["small\nn = 3", "medium\nn = 2", "large\nn = 2"]
    assert [text.xy[0] for text in axes.texts] == [dice for one in sizes for dice in one.dice]


def test_a_cost_that_is_the_same_for_all_is_not_plotted(table: SegmentationTable) -> None:
    assert [cost.key for cost in costs.varying_costs(table)] == ["parameters"], (
        "the median of the seeds' times is equal"
    )


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_spread_numbers_keep_their_order_and_their_distance(values: list[float]) -> None:
    placed = np.array(spread(values, 0.05))[np.argsort(values, kind="stable")]
    assert np.all(np.diff(placed) >= 0.04)
    assert np.mean(placed) == pytest.approx(np.mean(values))


def test_the_learning_curve_is_the_median_and_the_range_of_the_runs(
    table: SegmentationTable, styles: list[Style]
) -> None:
    figure = curves.learning_plot(table, styles)
    assert figure is not None
    dice = figure.axes[1]
    validated = [line for line in dice.lines if line.get_linestyle() == "-"]
    assert len(dice.lines) == 2 * len(validated), "a dashed line for the training patients of each"
    for line, entry in zip(reversed(validated), table.entries, strict=True):
        histories = [run.history["val/dice"].tolist() for run in entry.runs]
        assert [len(one) for one in histories] == [3, 4]
        assert line.get_ydata()[1] == pytest.approx(np.median([one[1] for one in histories]))
        assert line.get_ydata()[3] == pytest.approx(histories[1][3]), "of the run that went on"
    assert len(dice.collections) == 3


def test_the_learning_curves_hold_what_chose_the_epoch(tmp_path: Path) -> None:
    for seed, monitor in enumerate(("val/iou", "val/iou", "null")):
        write_run(
            tmp_path / str(seed), [f"seed={seed}", f"trainer.monitor={monitor}", f"loss={('bce', 'dice')[seed // 2]}"]
        )
    board = build_leaderboard(find_runs([tmp_path]))
    figure = curves.learning_plot(board.tables[0], table_styles(board.tables[0], palette(board)))
    assert figure is not None
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "mean patient Dice", "mean patient IoU"]
    assert [axes.get_title(loc="right") for axes in figure.axes] == ["", *["chose the epoch of some"] * 2]


def test_validations_within_an_epoch_stand_where_they_were(table: SegmentationTable) -> None:
    first, second = table.entries[0].runs
    parts = first.history.assign(epoch=[0, 0, 1], epoch_part=[0.5, 1, 0.5])
    entry = replace(table.entries[0], seeds={1: (replace(first, history=parts),), 2: (second,)})
    assert curves.by_epoch(entry, "val/dice").index.tolist() == [0.5, 1, 1.5, 2, 3, 4]


def test_dice_by_training_patients_has_a_line_for_each_other_setting(tmp_path: Path) -> None:
    for model, level in (("unet_slim", 0.5), ("unet_bn", 0.6)):
        for count in (24, 12):
            write_run(tmp_path / f"{model}{count}", [f"model={model}", f"data.train_patients={count}"],
                      train_patients=count, dice=level + count / 100)  # fmt: skip
    table = build_leaderboard(find_runs([tmp_path])).tables[0]
    figure = costs.size_plot(table)
    assert figure is not None
    lines = {line.get_label(): line for line in figure.axes[0].lines if line.get_marker() == "o"}
    assert lines.keys() == {"model unet_slim", "model unet_bn"}
    assert lines["model unet_slim"].get_ydata() == pytest.approx([0.62, 0.74], abs=0.01)
    assert lines["model unet_slim"].get_xdata() == pytest.approx([12, 24], rel=0.02)


def test_without_different_numbers_there_is_no_plot_of_training_patients(table: SegmentationTable) -> None:
    assert costs.size_plot(table) is None


def test_the_reliability_of_probabilities_needs_every_runs_bins(table: SegmentationTable, styles: list[Style]) -> None:
    figure = curves.reliability_plot(table, styles)
    assert figure is not None
    assert len(figure.axes[0].lines) == 4, "a line an entry, and the diagonal"
    for run in table.entries[0].runs[:1]:
        bins = run.result.pop("calibration_bins")
        without = curves.reliability_plot(table, styles)
        run.result["calibration_bins"] = bins
        assert without is not None
        assert len(without.axes[0].lines) == 3


def test_a_ninth_configuration_is_grey_and_colours_stay_across_tables(tmp_path: Path) -> None:
    for number in range(9):
        write_run(tmp_path / str(number), [f"optimizer.lr={number + 1}e-3"], dice=0.9 - number / 20)
    write_run(tmp_path / "other", ["optimizer.lr=2e-3"], protocol="slice_random (leaky)")
    board = build_leaderboard(find_runs([tmp_path]))
    colours = palette(board)
    first, second = (table_styles(table, colours) for table in board.tables)
    assert [style.colour for style in first] == [*PALETTE, OTHERS]
    assert [style.colour for style in second] == [PALETTE[1]]
    assert len({colors.to_hex(colour) for colour in PALETTE}) == 8


def test_long_names_wrap_and_are_cut_with_an_ellipsis() -> None:
    assert wrapped("a " * 30, 10, 2) == "a a a a a\na a a a …"
    assert wrapped("x" * 25, 10) == f"{'x' * 10}\n{'x' * 10}\nxxxxx"


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({"commit": "fedcba9" + "0" * 33}, "different code: 0123456 (1 run), fedcba9 (1 run)"),
        ({"commit": None}, "different code: 0123456 (1 run), not recorded (1 run)"),
        ({"dirty": True}, "1 of 2 runs was made by code with changes"),
        ({"processor": "Other CPU"}, "different hardware, so their times cannot be compared: Other CPU (1 run), Test"),
        ({"precision": "bf16-mixed"}, "different precisions: 32-true (1 run), bf16-mixed (1 run)"),
    ],
)
def test_what_is_not_alike_is_named(other: dict[str, Any], text: str, tmp_path: Path) -> None:
    write_run(tmp_path / "0", truths=volumes(1))
    write_run(tmp_path / "1", ["model=unet_slim"], truths=volumes(1), **other)
    (warning,) = metadata.warnings(find_runs([tmp_path]))
    assert text in warning


PATIENT = "TCGA_CS_0000_19960101"


def measured(tmp_path: Path, truths: dict[str, Volume], *overrides: str) -> tuple[SegmentationTable, list[Style]]:
    write_run(tmp_path / "run", overrides, truths=truths, dice=0.7)
    board = build_leaderboard(find_runs([tmp_path / "run"]))
    return board.tables[0], table_styles(board.tables[0], palette(board))


def test_the_slice_with_most_tumour_is_drawn_whole_and_around_the_contours(tmp_path: Path) -> None:
    truth = np.zeros((3, 200, 240), bool)
    truth[1, 150:160, 30:34] = truth[2, 150:160, 30:50] = True
    table, styles = measured(tmp_path, {PATIENT: Volume((3, 4, 9), truth)})
    drawn = contours.slice_panels(table, styles, contours.with_masks(table), PATIENT, contours.pairs_at)
    whole, near = drawn.panels
    assert whole.title == "truth, slice 9"
    assert not whole.prediction.any()
    assert whole.truth.sum() == near.truth.sum() == 200
    assert 0 < near.prediction.sum() < 200
    x, y, side = drawn.frame
    assert near.truth.shape == (side, side) == (contours.MIN_SIDE, contours.MIN_SIDE)
    assert np.array_equal(whole.truth[y : y + side, x : x + side], near.truth)
    assert not drawn.background
    assert not whole.flair.any()


def test_flair_is_drawn_only_if_the_tree_holds_the_measured_slice(phantom_root: Path, tmp_path: Path) -> None:
    truths = tree_volumes(phantom_root, 2)
    name, other = truths
    table, styles = measured(tmp_path, truths, f"data.root={phantom_root}")
    drawn = contours.slice_panels(table, styles, [0], name, contours.pairs_at)
    assert drawn.background
    assert drawn.panels[0].flair.max() > 50
    run: Run = table.entries[0].runs[0]
    moved = {name: PatientMasks.pack(truths[name].numbers, truths[name].truth[:, ::-1], truths[name].truth)}
    kept = PatientMasks.pack(truths[other].numbers, truths[other].truth, truths[other].truth)
    write_masks(run.place / "masks.npz", moved | {other: kept})
    assert not contours.slice_panels(table, styles, [0], name, contours.pairs_at).background
    assert contours.slice_panels(table, styles, [0], other, contours.pairs_at).background


def test_flair_is_found_in_images_and_masks_of_other_values(phantom_root: Path, tmp_path: Path) -> None:
    truths = tree_volumes(phantom_root, 1)
    (name,) = truths
    for kind in ("images", "masks"):
        (tmp_path / "tree" / kind).mkdir(parents=True)
    for file in (phantom_root / name).iterdir():
        kind, pixels = ("masks", 128 / 255) if file.stem.endswith("_mask") else ("images", 1)
        picture = tmp_path / "tree" / kind / f"{file.stem.removesuffix('_mask')}.png"
        cv2.imwrite(str(picture), (cv2.imread(str(file), cv2.IMREAD_UNCHANGED) * pixels).astype(np.uint8))
    for threshold, found in ((127, True), (None, False)):
        words = f"data.root={tmp_path / 'tree'}", f"data.mask_threshold={threshold or 'null'}"
        table, styles = measured(tmp_path / str(threshold), truths, *words)
        assert contours.slice_panels(table, styles, [0], name, contours.pairs_at).background is found


def test_damaged_masks_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    table, styles = measured(tmp_path, volumes(1))
    (tmp_path / "run" / "masks.npz").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"masks\.npz cannot be read"):
        contours.slice_panels(table, styles, [0], table.patients[0], contours.pairs_at)


def test_entries_without_masks_are_passed_over(table: SegmentationTable) -> None:
    assert contours.with_masks(table) == [0, 1, 2]
    lost = table.entries[1].runs[1].place / "masks.npz"
    content = lost.read_bytes()
    lost.unlink()
    assert contours.with_masks(table) == [0, 2]
    lost.write_bytes(content)
