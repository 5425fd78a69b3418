"""The table says what the numbers are of, with every reservation, and takes a dash for what was not measured."""

from __future__ import annotations

import builtins
import io
from typing import Any

import pytest
from rich.console import Console

from lgg_seg.data.splits.split import LEAKY
from lgg_seg.metrics.registry import PATIENT_METRICS
from lgg_seg.reporting.columns import metric_columns
from lgg_seg.reporting.formatting import number
from lgg_seg.reporting.run_table import SINGLE, caption, print_result, result_table, subsets_table


def result(**changes: Any) -> dict[str, Any]:
    summary = {"mean": 0.81234, "median": 0.85, "std": 0.1, "ci95": [0.75, 0.87]}
    return {
        "split": "test", "patients": 9, "slices": 321, "protocol": "patient", "truncated": False,
        "threshold": {"value": 0.5, "from": "fixed"}, "postprocess": "none",
        "metrics": {f"patient/{name}": summary for name in PATIENT_METRICS} | dict.fromkeys(SINGLE, 0.25),
    } | changes  # fmt: skip


def printed(content: dict[str, Any]) -> str:
    file = io.StringIO()
    Console(file=file, width=120).print(result_table(content, "unet, seed 1"))
    return file.getvalue()


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("│")]


def test_every_metric_stands_in_the_table_with_its_interval() -> None:
    text = printed(result())
    assert "unet, seed 1" in text
    for name in PATIENT_METRICS:
        line = next(line for line in text.splitlines() if f"patient/{name} " in line)
        assert all(part in line for part in ("0.812", "0.750 to 0.870", "0.850", "0.100"))
    for name in SINGLE:
        assert any(f" {name} " in line and "0.250" in line for line in text.splitlines()), name


def test_the_caption_says_who_was_measured_and_how() -> None:
    text = printed(result(threshold={"value": 0.415, "from": "validation"}, postprocess="largest_component"))
    assert "9 test patients, 321 slices, protocol patient" in text
    assert "threshold 0.415 (validation), post-processing largest_component" in text


def test_a_whole_data_set_is_all_its_patients() -> None:
    assert caption(result(split="all", patients=3)).startswith("all 3 patients, ")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"protocol": LEAKY}, "slice_random (leaky)"),
        ({"truncated": True}, "TRUNCATED: evaluation.max_patients was set"),
        ({"seen_patients": 4}, "SEEN: 4 of these patients were trained on or chose the checkpoint"),
    ],
)
def test_every_reservation_is_in_the_table_when_it_holds_and_only_then(changes: dict[str, Any], says: str) -> None:
    assert says in printed(result(**changes))
    assert says not in printed(result(seen_patients=0))


def test_reservations_do_not_hide_one_another() -> None:
    text = caption(result(protocol=LEAKY, truncated=True, seen_patients=4))
    assert all(word in text for word in ("leaky", "TRUNCATED", "SEEN"))


def test_what_could_not_be_measured_is_a_dash() -> None:
    """One patient has no interval; one without a tumour slice no detection."""
    summary = {"mean": 0.5, "median": 0.5, "std": None, "ci95": None}
    metrics = {f"patient/{name}": summary for name in PATIENT_METRICS} | dict.fromkeys(SINGLE)
    text = printed(result(patients=1, metrics=metrics))
    assert "None" not in text
    cells = {line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:-1]] for line in lines(text)}
    assert cells["patient/dice"] == ["0.500", "-", "0.500", "-"]
    assert cells["lesion/f1"][0] == "-"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0.000"),
        (0.81249, "0.812"),
        (9.9, "9.900"),
        (29.017, "29.0"),
        (-12, "-12.0"),
        (2.2e23, "2.2e+23"),
    ],
)
def test_a_number_is_short_enough_to_read(value: float | None, text: str) -> None:
    assert number(value) == text


def test_training_and_test_patients_stand_in_one_table_with_a_dash_for_what_an_older_run_lacks() -> None:
    train = result(split="train")
    train["metrics"] |= {"minibatch/iou": 0.7, "minibatch/dice": 0.8, "minibatch/recall": 0.9, "loss": 0.125}
    file = io.StringIO()
    Console(file=file, width=120).print(subsets_table([train, result()], "unet"))
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines(file.getvalue())]
    assert cells == [
        ["train", "0.125", "0.700", "0.800", "0.900", "0.812"], ["test", "0.250", "-", "-", "-", "0.812"]
    ]  # fmt: skip


def test_the_table_is_plain_text_in_a_notebook(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = type("ZMQInteractiveShell", (), {})  # by this name rich knows a notebook
    monkeypatch.setattr(builtins, "get_ipython", kernel, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as a kernel does
    print_result(result(), "unet")
    text = capsys.readouterr().out
    assert "patient/dice" in text
    assert "\x1b" not in text


def test_a_file_and_memory_are_in_a_unit_that_people_read() -> None:
    columns = {column.key: column for column in metric_columns()}
    memory, file = columns["peak_memory_bytes"], columns["checkpoint_bytes"]
    assert (memory.title, memory.format(1_200_000_000)) == ("peak memory", "1.2 GB")
    assert [file.format(size) for size in (23_456_789, 1000, 12)] == ["23.5 MB", "1 kB", "12 B"]
