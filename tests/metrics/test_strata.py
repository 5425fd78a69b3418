"""Which patient belongs to which group, by hand."""

from __future__ import annotations

from lgg_seg.metrics.strata import patient_strata


def row(patient: str, voxels: int, parts: int = 1, **more: object) -> dict[str, object]:
    return {"patient": patient, "truth_voxels": voxels, "lesion_tp": 0, "lesion_fn": parts, **more}


def test_thirds_of_size_parts_and_what_the_table_says() -> None:
    rows = [
        row("a", 50, 2, institution="DU", missing_sequence="none", boundary_complexity=1.5),
        row("b", 10, 1, institution="CS", missing_sequence="pre-contrast", boundary_complexity=1.1),
        row("c", 30, 0, institution="DU", missing_sequence="none", boundary_complexity=float("nan")),
        row("d", 30, 3, institution="DU", missing_sequence="none", boundary_complexity=1.2),
    ]
    assert patient_strata(rows) == {
        "tumour_size": {"small": ["b", "c"], "medium": ["d"], "large": ["a"]},
        "tumour_parts": {"0": ["c"], "1": ["b"], "2 or more": ["a", "d"]},
        "boundary": {"smooth": ["b"], "medium": ["d"], "irregular": ["a"]},
        "institution": {"CS": ["b"], "DU": ["a", "c", "d"]},
        "missing_sequence": {"none": ["a", "c", "d"], "pre-contrast": ["b"]},
    }


def test_what_the_table_does_not_hold_is_left_out() -> None:
    assert set(patient_strata([row("a", 5), row("b", 6)])) == {"tumour_size", "tumour_parts"}
