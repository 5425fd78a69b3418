"""`data.csv` as endpoints and predictors: codes are no quantities, and no endpoint is among its own predictors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lgg_seg.data.kaggle.index import build_index
from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.errors import UserError
from lgg_seg.radiomics.clinical import (
    AGE,
    COLUMNS,
    DEATH,
    MOLECULAR,
    TARGETS,
    clinical_predictors,
    clinical_table,
    encode,
    endpoints,
)
from lgg_seg.radiomics.outcome import predictor_sets


def table(count: int = 40) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    codes = {name: generator.integers(1, 4, count).astype(float) for name in COLUMNS}
    made = pd.DataFrame(codes, index=[f"P{k}" for k in range(count)])
    made[DEATH] = (made[DEATH] == 1).astype(float)
    made[AGE] = generator.integers(20, 70, count)
    made.iloc[3] = np.nan
    return made


def sources(predictors: pd.DataFrame) -> set[str]:
    return {column.partition("=")[0] for column in predictors.columns}


def test_codes_become_a_column_each_and_gaps_stay_gaps() -> None:
    plain = pd.DataFrame(
        {
            "laterality": [1.0, 3.0, 2.0, np.nan],
            "gender": [1.0, 2.0, np.nan, 1.0],
            "tumor_tissue_site": [1.0, 1.0, np.nan, 1.0],
            AGE: [30.0, 40.0, np.nan, 61.0],
        }
    )
    found = encode(plain)
    assert list(found.columns) == ["laterality=1", "laterality=2", "laterality=3", "gender=2", AGE]
    assert found["laterality=3"].tolist()[:3] == [0, 1, 0]
    assert found["gender=2"].tolist()[:2] == [0, 1]
    assert found.loc[3, ["laterality=1", "laterality=2", "laterality=3"]].isna().all()
    assert found.loc[2, ["gender=2", AGE]].isna().all()


@pytest.mark.parametrize("target", TARGETS)
def test_no_endpoint_is_predicted_from_itself_from_the_future_or_from_its_siblings(target: str) -> None:
    clinical = table()
    for endpoint in endpoints(target, clinical):
        used = sources(clinical_predictors(clinical, endpoint))
        assert used
        assert not used & {endpoint.column, DEATH, *MOLECULAR}
        assert {AGE, "laterality"} <= used


def test_the_molecular_set_adds_the_molecular_columns_alone_and_a_molecular_endpoint_has_none() -> None:
    clinical = table()
    shape = pd.DataFrame({"log_volume": 1.0}, index=clinical.index)
    for target in TARGETS:
        for endpoint in endpoints(target, clinical):
            sets = predictor_sets(endpoint, clinical, shape)
            molecular = sets.pop("shape + clinical + molecular", None)
            assert (molecular is None) == (endpoint.column in MOLECULAR)
            if molecular is not None:
                assert sources(molecular) == sources(sets["shape + clinical"]) | set(MOLECULAR)
            assert not {endpoint.column, DEATH} & set[str]().union(*map(sources, sets.values()))


def test_a_patient_without_an_entry_is_left_out() -> None:
    clinical = table()
    (endpoint,) = endpoints("death01", clinical)
    labels = endpoint.labels(clinical)
    assert "P3" not in labels.index
    assert len(labels) == 39
    assert labels.equals(clinical[DEATH].drop("P3"))


def test_a_molecular_column_asks_once_a_cluster_and_one_cluster_once() -> None:
    clinical = table()
    assert [q.name for q in endpoints("CNCluster", clinical)] == ["CNCluster:1", "CNCluster:2", "CNCluster:3"]
    (one,) = endpoints("CNCluster:2", clinical)
    assert one.labels(clinical).sum() == (clinical["CNCluster"] == 2).sum()


def test_grade_asks_for_the_higher_of_two_codes() -> None:
    clinical = table()
    clinical["neoplasm_histologic_grade"] = clinical["neoplasm_histologic_grade"].clip(upper=2)
    (endpoint,) = endpoints("grade", clinical)
    assert endpoint.positive == 2


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("deth01", "did you mean death01"),
        ("RNASeqCluster:two", "One cluster is asked for as RNASeqCluster:2"),
        ("RNASeqCluster:9", "RNASeqCluster:9 has 0 of 39 patients"),
    ],
)
def test_an_impossible_target_is_refused_with_the_remedy(target: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        endpoints(target, table())


def test_too_few_events_are_refused_with_their_number() -> None:
    clinical = table()
    clinical[DEATH] = [1.0] * 4 + [0.0] * 36
    with pytest.raises(UserError, match=r"death01 has 4 of 40 patients, and 5 with and 5 without"):
        endpoints("death01", clinical)


def test_a_column_that_is_empty_is_said_to_be() -> None:
    clinical = table()
    clinical["RPPACluster"] = np.nan
    with pytest.raises(UserError, match="holds no RPPACluster"):
        endpoints("RPPACluster", clinical)


def test_the_trees_rows_are_read_by_its_own_names_with_gaps_as_gaps(phantom_root: Path) -> None:
    index = build_index(phantom_root)
    found = clinical_table(index)
    assert list(found.index) == [patient.name for patient in index.patients]
    assert list(found.columns) == list(COLUMNS)
    raw = pd.read_csv(phantom_root / "data.csv").set_index("Patient")
    assert found[AGE].tolist() == pytest.approx(raw[AGE].tolist(), nan_ok=True)
    assert found.isna().sum().sum() == raw.isna().sum().sum() > 0


def test_a_tree_without_data_csv_and_one_with_words_in_it_are_refused(tmp_path: Path) -> None:
    root = write_phantom(tmp_path / "tree", patients=2, slices=4, size=32)
    file = root / "data.csv"
    file.write_text(
        file.read_text(encoding="utf-8").replace("TCGA_DU_P000,", "TCGA_DU_P000,grade two"), encoding="utf-8"
    )
    with pytest.raises(UserError, match="holds a cell that is no number"):
        clinical_table(build_index(root))
    file.unlink()
    with pytest.raises(UserError, match=r"data.csv has no row for any of the 2 patients"):
        clinical_table(build_index(root))
