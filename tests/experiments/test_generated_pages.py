"""What `python -m experiments` writes into the pages is there, and its leaderboard ranks like with like."""

from __future__ import annotations

from dataclasses import replace

import pytest

import lgg_seg
from experiments.__main__ import PARTS, fill, main
from experiments.benchmark.leaderboard import answer, standings
from experiments.benchmark.tables import network, results
from experiments.index import KINDS, records
from lgg_seg.comparison.segmentation import SegmentationResult
from tests.experiments.records import RECORDS, RESULTS, ROOT


@pytest.mark.parametrize(("path", "name"), PARTS, ids="-".join)
def test_a_generated_part_of_a_page_is_what_its_runs_make_it(path: str, name: str) -> None:
    page = (ROOT / path).read_text(encoding="utf-8")
    assert fill(page, name, PARTS[path, name]()) == page, "run python -m experiments"


def test_words_beside_the_command_write_no_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert [main([word]) for word in ("--version", "--help", "leaderboard")] == [0, 0, 2]
    said = capsys.readouterr()
    assert said.out.startswith(f"lgg_seg {lgg_seg.__version__}\nusage: python -m experiments\n")
    assert said.err == "error: leaderboard: no such argument; see --help for the choices.\n"


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks of folds stand 0 times"):
        fill("| a table |", "folds", "| another |")


def test_the_index_has_every_recorded_folder_with_its_command_and_page() -> None:
    found = {record.path for record in records()}
    assert set(RESULTS) <= found
    assert {path.parent for kind in KINDS for path in RECORDS.rglob(kind)} <= found
    assert all(len(record.command) > 5 and len(record.commit) == 7 for record in records())


@pytest.fixture(scope="module")
def complete() -> SegmentationResult:
    """The EfficientNet U-Net, of which all folds are recorded."""
    return next(one for one in results() if network(one) == "`unet_efficientnet`")


def worse(result: SegmentationResult, by: float, patients: int) -> SegmentationResult:
    """A network whose Dice is lower by so much on the first patients, alike for each."""
    table = result.patients.head(patients).assign(dice=lambda rows: rows["dice"] - by)
    dice = {"mean": table["dice"].mean(), "ci95": None, "median": table["dice"].median()}
    seeds = result.seeds if patients == len(result.patients) else {0: result.seeds[0][:1]}
    label = f"worse by {by}"
    return replace(result, label=label, patients=table, metrics=result.metrics | {"patient/dice": dice}, seeds=seeds)


def test_a_network_is_ranked_only_beside_another_whose_folds_are_complete(complete: SegmentationResult) -> None:
    [alone, partial] = standings([worse(complete, 0.1, 18), complete])
    assert (alone.result, alone.rank, alone.behind, partial.rank) == (complete, None, None, None)
    assert partial.behind is not None
    assert partial.behind[0] == pytest.approx(-0.1), "on the patients of both, not on all"
    told = answer([alone, partial])
    assert told.startswith("Only `unet_efficientnet` has been tested on all 88 patients")
    assert told.endswith("On the patients tested so far, it does better than `unet_efficientnet`.")


def test_complete_networks_are_ranked_by_their_mean(complete: SegmentationResult) -> None:
    rows = standings([worse(complete, 0.1, 88), worse(complete, -0.1, 18), complete])
    assert [row.rank for row in rows] == [1, 2, None]
    assert [row.side for row in rows] == [0, -1, 1]
    assert "highest mean Dice on all 88 patients (each network trained with one seed): it does better" in answer(rows)
    assert answer(rows).endswith("On the patients tested so far, it does worse than `unet_efficientnet`.")


def test_a_network_measured_otherwise_is_refused(complete: SegmentationResult) -> None:
    protocol = replace(complete.comparability.protocol, tta="off")
    other = replace(complete, label="z", comparability=replace(complete.comparability, protocol=protocol))
    with pytest.raises(ValueError, match="was not measured as"):
        standings([complete, other])
