"""The leak of study 004: it scores on outcomes dealt at random, and the split by patient does not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.study_004.leak import LEAKS, Comparison, article_features, compare_protocols, main
from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.errors import UserError
from lgg_seg.radiomics.clinical import AGE, COLUMNS, DEATH

PATIENTS, SLICES = 40, 12


def noise() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Slices and clinical rows that know nothing of the outcome."""
    generator = np.random.default_rng(0)
    names = [f"P{k:02}" for k in range(PATIENTS)]
    clinical = pd.DataFrame({c: generator.integers(1, 4, PATIENTS).astype(float) for c in COLUMNS}, index=names)
    clinical[AGE] = generator.integers(20, 76, PATIENTS).astype(float)
    clinical[DEATH] = generator.permutation(np.arange(PATIENTS) < 12).astype(float)
    clinical.iloc[0, list(COLUMNS).index(DEATH)] = np.nan
    clinical.iloc[5, 2] = np.nan
    area = generator.integers(0, 900, PATIENTS * SLICES)
    slices = pd.DataFrame(
        {
            "patient": np.repeat(names, SLICES),
            "slice": np.tile(np.arange(1, SLICES + 1), PATIENTS),
            "slice_px": 4096,
            "area_px": area,
            "centroid_row": np.where(area > 0, generator.uniform(0, 64, area.size), np.nan),
            "centroid_column": np.where(area > 0, generator.uniform(0, 64, area.size), np.nan),
        }
    )
    return slices, clinical


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare_protocols(*noise(), seed=0)


def test_with_patients_on_both_sides_noise_is_classified_nearly_perfectly(compared: Comparison) -> None:
    _, leaky, control, _, _ = compared.protocols
    for row in (leaky, control):
        assert row.verdict.startswith(LEAKS)
        assert row.accuracy > 0.97
        assert (row.auc or 0) > 0.97
        assert (row.slices, row.patients) == (PATIENTS * SLICES, PATIENTS)


def test_split_by_patient_the_classifier_is_no_better_than_the_majority(compared: Comparison) -> None:
    _, _, _, honest, majority = compared.protocols
    assert honest.verdict == "by patient"
    assert honest.accuracy <= majority.accuracy + 0.05
    assert 0.25 < (honest.patient_auc or 0) < 0.75
    assert honest.patient_ci95 is not None
    assert honest.patient_ci95[0] < 0.5 < honest.patient_ci95[1]


def test_by_patient_nobody_has_a_filled_in_outcome(compared: Comparison) -> None:
    honest = compared.protocols[3]
    assert (honest.patients, honest.slices) == (PATIENTS - 1, (PATIENTS - 1) * SLICES)


def test_the_figures_curves_say_which_of_them_leaks(compared: Comparison) -> None:
    leaky, honest = compared.curves
    assert LEAKS in leaky
    assert "by patient" in honest


def test_what_is_not_known_of_the_published_number_is_not_invented(compared: Comparison) -> None:
    published = compared.protocols[0]
    assert (published.accuracy, published.verdict) == (1.0, "not stated")
    assert published.auc is published.patient_auc is published.slices is published.patients is None


def test_the_articles_standard_deviation_is_that_of_the_masks_values() -> None:
    mask = np.zeros((64, 64))
    mask[3:20, 5:31] = 1
    row = pd.DataFrame(
        [{"area_px": mask.sum(), "slice_px": mask.size, "centroid_row": np.nan, "centroid_column": np.nan}]
    )
    found = article_features(row).iloc[0]
    assert found["mask_sd"] == pytest.approx(mask.std())
    assert found["area_percent"] == pytest.approx(100 * mask.mean())
    assert (found["centroid_x"], found["centroid_y"]) == (0, 0)


def test_too_few_deaths_are_refused_with_their_number() -> None:
    slices, clinical = noise()
    clinical[DEATH] = np.r_[np.ones(3), np.zeros(PATIENTS - 3)]
    with pytest.raises(UserError, match=r"death01 is 1 for 3 of 40 patients; 5 folds take at least 5"):
        compare_protocols(slices, clinical, seed=0)


def test_the_command_prints_and_writes_which_rows_leak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_phantom(tmp_path / "tree", patients=40, slices=4, size=64)
    assert main([f"data.root={root}", f"output={tmp_path}"]) == 0
    assert capsys.readouterr().out.count("LEAKS") == 2
    rows = pd.read_csv(tmp_path / "leak.csv")
    assert rows["verdict"].str.startswith("LEAKS").tolist() == [False, True, True, False, False]
    assert json.loads((tmp_path / "leak.json").read_text(encoding="utf-8"))["protocols"][1]["verdict"].startswith(
        "LEAKS"
    )
    assert (tmp_path / "roc_leak.png").exists()


def test_a_data_set_without_data_csv_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_phantom(tmp_path / "tree", patients=2, slices=4, size=32)
    (root / "data.csv").unlink()
    assert main([f"data.root={root}"]) == 2
    assert "data.csv has no row for any of the 2 patients" in capsys.readouterr().err
