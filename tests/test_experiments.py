"""The recorded results: whole, consistent with their raw counts, and quoted on their pages as they are."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from lgg_seg.comparison.classifier_tables import classifier_tables
from lgg_seg.comparison.leakage import leak_tables
from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.tables import build_leaderboard
from lgg_seg.config.overrides import check_overrides
from lgg_seg.reporting.leakage import leaks_markdown
from lgg_seg.statistics.bootstrap import summarise

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "experiments"
RESULTS = sorted(path.parent for path in RECORDS.rglob("metrics.json"))


def name(folder: Path) -> str:
    return str(folder.relative_to(RECORDS))


def content(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return found


CLASSIFIED = [folder for folder in RESULTS if content(folder).get("task") == "classification"]


def epochs(folder: Path) -> int:
    return len(pd.read_csv(folder / "history.csv"))


def three(number: float) -> str:
    return f"{number:.3f}"


def interval(numbers: dict[str, Any], value: str) -> str:
    low, high = numbers["ci95"]
    return f"{numbers[value]:.3f} ({low:.3f} to {high:.3f})"


def readme_row(folder: Path) -> list[str]:
    """As in the README's table of results."""
    result = content(folder)
    metrics, dice = result["metrics"], result["metrics"]["patient/dice"]
    low, high = dice["ci95"]
    return [
        f"`{folder.name}`",
        f"{result['cost']['parameters'] / 1e6:.2f} M",
        f"{epochs(folder)}",
        f"**{dice['mean']:.3f}** ({low:.3f} to {high:.3f})",
        three(dice["median"]),
        f"{metrics['pooled/dice']:.3f} / {metrics['pooled/iou']:.3f}",
        three(metrics["tumour_slice/dice"]),
        f"{metrics['patient/hd95_px']['median']:.1f}",
        three(metrics["detection/auroc"]),
    ]


def study_row(folder: Path) -> list[str]:
    """As in the table of a study's page."""
    result = content(folder)
    metrics = result["metrics"]
    tested = f"{result['patients']} / {result['slices']}"
    side = yaml.safe_load((folder / "config.yaml").read_text())["preprocess"]["size"]
    start = [f"[`{folder.name}`]({folder.name})", result["protocol"], tested, f"{side}², {epochs(folder)}"]
    if result.get("task") == "classification":
        accuracy, f1, auroc = (interval(metrics[f"slice/{key}"], "value") for key in ("accuracy", "f1", "auroc"))
        return [*start, accuracy, f1, auroc, interval(metrics["patient/auroc"], "value")]
    minibatch = " / ".join(three(metrics[f"minibatch/{key}"]) for key in ("dice", "iou", "recall"))
    return [
        *start,
        interval(metrics["patient/dice"], "mean"),
        f"{metrics['pooled/dice']:.3f} / {metrics['pooled/iou']:.3f}",
        three(metrics["tumour_slice/dice"]),
        three(metrics["slice/iou"]),
        minibatch,
        three(metrics["pooled/accuracy"]),
        f"{result['cost']['parameters'] / 1e6:.1f} M",
    ]


@pytest.mark.parametrize("folder", RESULTS, ids=name)
def test_its_page_quotes_the_recorded_numbers(folder: Path) -> None:
    if folder.parent.name == "leak":
        pytest.skip("the whole page is held to its runs below")
    page = folder.parent / "README.md"
    row, text = (study_row, page) if page.is_file() else (readme_row, ROOT / "README.md")
    assert f"| {' | '.join(row(folder))} |" in text.read_text(encoding="utf-8")


SPEEDS = sorted((RECORDS / "bench").glob("*.json"))


@pytest.mark.parametrize("path", SPEEDS, ids=lambda path: path.stem)
def test_the_readme_quotes_the_recorded_speeds(path: Path) -> None:
    found = json.loads(path.read_text())
    assert found["code"]["dirty"] is False
    assert found["size"] == 256
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for one in found["networks"]:
        train, predict = one["train"], one["predict"]
        row = [f"`{one['model']}`, {found['batch_size']}", f"{train['plain']:.3g}"]
        row += [f"{train['ours']:.3g} (x {train['ours'] / train['plain']:.1f})", f"{predict['plain']:.3g}"]
        row += [f"{predict['ours']:.3g} (x {predict['ours'] / predict['plain']:.1f})"]
        assert f"| {' | '.join(row)} |" in text


def test_the_page_of_study_002_quotes_what_each_network_costs() -> None:
    folder = RECORDS / "study_002"
    found = json.loads((folder / "speed.json").read_text())
    assert (found["code"]["dirty"], found["size"], found["batch_size"]) == (False, 256, 1)
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert len(found["networks"]) == 4
    for one in found["networks"]:
        cost, predict = one["cost"], one["predict"]
        row = [f"`{one['model']}`", f"{cost['parameters'] / 1e6:.2f} M", f"{4 * cost['parameters'] / 1e6:.0f} MB"]
        row += [f"{cost['flops_per_slice'] / 1e9:.0f} G", f"{1000 / predict['plain']:.0f}"]
        row += [f"{1000 / predict['ours']:.0f}"]
        assert f"| {' | '.join(row)} |" in page


PAGES = sorted(RECORDS.rglob("README.md"))
LINES = [line.partition("  #")[0] for page in PAGES for line in page.read_text(encoding="utf-8").splitlines()]
TRAININGS = sorted({line.strip() for line in LINES if line.startswith("python -m lgg_seg ")})


@pytest.mark.parametrize("command", TRAININGS)
def test_a_command_of_a_page_is_one_that_would_run(command: str) -> None:
    words = shlex.split(command)[3:]
    check_overrides([word for word in words if word != "-m"], sweep="-m" in words)


def test_the_page_of_the_leak_is_what_compare_makes_of_its_runs() -> None:
    tables = leak_tables(build_leaderboard(find_runs([RECORDS / "leak"])))
    _, tables_and_method = leaks_markdown(tables).split("\n\n", 1)
    assert tables_and_method.strip() in (RECORDS / "leak" / "README.md").read_text(encoding="utf-8")


def test_the_page_of_the_leak_says_what_the_two_cross_validations_hold() -> None:
    page = " ".join((RECORDS / "leak" / "README.md").read_text(encoding="utf-8").split())
    new, known = (
        pd.concat(
            pd.read_csv(path) for path in sorted((RECORDS / "leak").glob(f"unet_slim_40_{split}_?/per_slice.csv"))
        )
        .groupby("patient")[["tp", "fp", "fn"]]
        .sum()
        for split in ("kfold", "slice_kfold")
    )
    pooled = [2 * t.tp.sum() / (2 * t.tp + t.fp + t.fn).sum() for t in (new, known)]
    each = [2 * t.tp / (2 * t.tp + t.fp + t.fn) for t in (new, known)]
    assert f"a pooled Dice of {pooled[1]:.3f}, and the very same slices with {pooled[0]:.3f}" in page
    assert f"adds {pooled[1] - pooled[0]:.3f} (0.055 to 0.135)**" in page
    better, failed = each[1] > each[0], each[0] < 0.5
    assert f"over patients it is {each[1].mean():.3f} and {each[0].mean():.3f}: {better.sum()} of the 88" in page
    assert f"with it and {(~better).sum()} worse, and none of the {failed.sum()} with a Dice below 0.5" in page
    assert (each[1][failed] >= 0.5).all()
    others = [2 * t.tp.sum() / (2 * t.tp + t.fp + t.fn).sum() for t in (new[~failed], known[~failed])]
    assert f"without them it is {others[0]:.3f} and {others[1]:.3f}" in page
    slices = [content(path) for path in sorted((RECORDS / "leak").glob("unet_slim_40_slice_kfold_?"))]
    minibatch = np.mean([one["metrics"]["minibatch/dice"] for one in slices])
    assert f"a mean over mini-batches, it is {minibatch:.3f} by slice" in page


def test_the_readme_says_what_the_cross_validation_by_patient_holds() -> None:
    folds = [folder / "per_patient.csv" for folder in sorted((RECORDS / "leak").glob("unet_slim_40_kfold_?"))]
    dice = [pd.read_csv(path)["dice"] for path in folds]
    everyone = summarise(pd.concat(dice).to_numpy())
    assert (len(folds), everyone.ci95 is not None) == (5, True)
    told = (
        f"{interval({'mean': everyone.mean, 'ci95': everyone.ci95}, 'mean')}, and of {dice[0].mean():.3f} on this fold"
    )
    assert told in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())


@pytest.mark.parametrize("folder", [folder for folder in RESULTS if folder not in CLASSIFIED], ids=name)
def test_the_recorded_numbers_follow_from_the_recorded_counts(folder: Path) -> None:
    metrics = content(folder)["metrics"]
    patients, slices = pd.read_csv(folder / "per_patient.csv"), pd.read_csv(folder / "per_slice.csv")
    found = 2 * patients.tp + patients.fp + patients.fn
    dice = (2 * patients.tp / found).where(found > 0, 1.0)
    assert metrics["patient/dice"]["mean"] == pytest.approx(dice.mean())
    counts = slices.groupby("patient")[["tp", "fp", "fn", "tn"]].sum()
    assert counts.equals(patients.set_index("patient")[["tp", "fp", "fn", "tn"]].sort_index())
    total = counts.sum()
    assert metrics["pooled/iou"] == pytest.approx(total.tp / (total.tp + total.fp + total.fn))


@pytest.mark.parametrize("folder", CLASSIFIED, ids=name)
def test_a_classifiers_accuracy_follows_from_its_recorded_answers(folder: Path) -> None:
    result, slices = content(folder), pd.read_csv(folder / "per_slice.csv")
    right = (slices["probability"] >= result["threshold"]["value"]) == (slices["label"] > 0)
    assert result["metrics"]["slice/accuracy"]["value"] == pytest.approx(right.mean())


@pytest.mark.parametrize("folder", RESULTS, ids=name)
def test_a_recorded_run_was_made_from_committed_code_by_the_command_it_names(folder: Path) -> None:
    facts = json.loads((folder / "provenance.json").read_text())
    assert facts["code"]["commit"]
    assert facts["code"]["dirty"] is False
    assert facts["command"][:3] == ["python", "-m", "lgg_seg"]


def added(folder: Path, run: str, to: str, measure: str) -> str:
    """What a run has more than another of a measure, on average over the same patients."""
    ours, plain = (pd.read_csv(folder / one / "per_patient.csv").set_index("patient")[measure] for one in (run, to))
    mean = summarise((ours - plain).to_numpy())
    assert mean.ci95 is not None
    return f"{mean.mean:+.3f} ({mean.ci95[0]:+.3f} to {mean.ci95[1]:+.3f})"


@pytest.mark.parametrize("proposal", ["crop", "recall", "skull"])
def test_the_page_of_study_001_quotes_what_each_proposal_adds(proposal: str) -> None:
    folder = RECORDS / "study_001"
    cells = [added(folder, proposal, "by_patient", measure) for measure in ("dice", "recall", "precision")]
    assert f"| `{proposal}` | {' | '.join(cells)} |" in (folder / "README.md").read_text(encoding="utf-8")


def test_the_page_of_study_002_quotes_what_the_decaying_rate_adds() -> None:
    page = (RECORDS / "study_002" / "README.md").read_text(encoding="utf-8")
    assert f"Dice by {added(RECORDS / 'study_002', 'slim_decay', 'slim', 'dice')} after ten epochs" in page


def test_the_page_of_study_000_quotes_the_mini_batches_by_the_studys_own_rule() -> None:
    folder = RECORDS / "study_000"
    slices = pd.read_csv(folder / "by_patient" / "per_slice.csv")
    batches = slices.groupby(np.arange(len(slices)) // 16)[["tp", "fp", "fn"]].sum()
    empty = batches["tp"] + batches["fn"] == 0
    told = (
        (2 * batches.tp / (2 * batches.tp + batches.fp + batches.fn)).where(~empty, 0.0).mean(),
        (batches.tp / (batches.tp + batches.fp + batches.fn)).where(~empty, 0.0).mean(),
        (batches.tp / (batches.tp + batches.fn)).where(~empty, 0.0).mean(),
    )
    page = " ".join((folder / "README.md").read_text(encoding="utf-8").split())
    assert f"By its rule `by_patient` is {' / '.join(map(three, told))}" in page
    assert f"({empty.sum()} of the {len(batches)} batches, {(empty & (batches.fp == 0)).sum()} of them" in page


@pytest.mark.parametrize("path", sorted(RECORDS.rglob("outcome.json")), ids=lambda path: path.parent.name)
def test_recorded_outcomes_were_made_from_committed_code(path: Path) -> None:
    facts = json.loads(path.read_text())
    assert facts["code"]["dirty"] is False
    assert all(row["p_permutation"] is not None for row in facts["results"])


@pytest.mark.parametrize("question", ["death01", "grade", "RNASeqCluster_2"])
def test_the_page_of_the_outcomes_quotes_the_recorded_numbers(question: str) -> None:
    folder = RECORDS / "study_004" / "outcome"
    page = (folder / "README.md").read_text(encoding="utf-8")
    for row in json.loads((folder / question / "outcome.json").read_text())["results"]:
        low, high = row["ci95"]
        told = [row["question"], row["predictors"], f"{row['positives']} of {row['patients']}"]
        told += [f"{row['auc']:.2f} ({low:.2f} to {high:.2f})", f"{row['p_permutation']:.2f}"]
        assert f"| {' | '.join(told)} |" in page


def test_there_is_a_recorded_result_and_none_is_an_image_of_a_patient() -> None:
    assert RESULTS
    images = {path.name for path in RECORDS.rglob("*") if path.suffix in (".png", ".tif", ".jpg")}
    assert images <= {"learning_curves.png", "roc_pr.png", "roc.png", "roc_leak.png", "leak.png"}


def test_no_record_names_a_folder_of_the_machine_that_made_it() -> None:
    for path in (path for path in RECORDS.rglob("*") if path.suffix in (".json", ".yaml", ".csv", ".md")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(tmp|home|root|Users)/", text), path


def test_the_page_of_the_grade_quotes_the_folds_together() -> None:
    folder = RECORDS / "study_003" / "grade"
    [table] = classifier_tables(find_runs([folder]))
    [entry] = table.entries
    assert (entry.notes, len(next(iter(entry.seeds.values())))) == ((), 5)
    measures = ("patient/accuracy", "patient/f1", "patient/auroc", "slice/auroc")
    cells = [interval(entry.estimates[measure].as_dict(), "value") for measure in measures]
    row = [f"{len(table.contract.patients)} / 5 folds", *cells]
    assert f"| {' | '.join(row)} |" in (folder / "README.md").read_text(encoding="utf-8")


def test_the_page_of_the_leak_says_what_study_000s_own_recipe_holds() -> None:
    page = " ".join((RECORDS / "leak" / "README.md").read_text(encoding="utf-8").split())
    tables = leak_tables(build_leaderboard(find_runs([RECORDS / "leak"])))
    [(table, row)] = [(table, row) for table in tables for row in table.rows if row.honest.runs[0].name == "study_000"]
    arms = row.measures["pooled Dice"]
    low, high = arms.added.estimate.ci95 or (0, 0)
    assert f"adds {arms.added.value:+.3f} ({low:+.3f} to {high:+.3f}) on {len(table.slices)} slices" in page
    assert f"of {len(table.patients)} patients, {arms.leaky.value:.3f} after {arms.honest.value:.3f}" in page


def test_a_pair_of_runs_of_one_experiment_is_named_alike() -> None:
    (table,) = build_leaderboard(find_runs([RECORDS / "quick_cpu"])).tables
    assert [entry.label for entry in table.entries] == ["unet_slim", "unet_bn"]
