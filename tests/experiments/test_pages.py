"""The pages quote the recorded results as they are."""

from __future__ import annotations

import json
import shlex
from datetime import datetime
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.benchmark.tables import network, results
from experiments.cost import by_network
from experiments.study_003.before_after import before_after
from lgg_seg.comparison.leakage import HEADLINE, leakage_tables
from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.tables import build_leaderboard
from lgg_seg.config.overrides import check_overrides
from lgg_seg.reporting.formatting import with_interval
from lgg_seg.statistics.bootstrap import summarise
from tests.experiments.records import RECORDS, RESULTS, ROOT, content, epochs, interval, name, three


def network_row(folder: Path) -> list[str]:
    """As in the table of the page of two networks."""
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


def test_the_page_of_two_networks_quotes_their_difference_in_the_benchmark() -> None:
    dice = {network(one): one.patients["dice"] for one in results()}
    gap = summarise((dice["`unet_bn`"] - dice["`unet_slim`"]).to_numpy())
    page = " ".join((RECORDS / "quick_cpu" / "README.md").read_text(encoding="utf-8").split())
    assert f"ahead by {with_interval(gap.mean, gap.ci95, '{:+.3f}'.format)}".replace("by +", "by ") in page


@pytest.mark.parametrize("folder", [one for one in RESULTS if one.parent.name == "quick_cpu"], ids=name)
def test_its_page_quotes_the_recorded_numbers(folder: Path) -> None:
    assert f"| {' | '.join(network_row(folder))} |" in (folder.parent / "README.md").read_text(encoding="utf-8")


def rate(slices: float) -> str:
    """Slices a second, as the page about cost writes them."""
    return f"{slices:.3g}" if slices < 1000 else f"{slices:,.0f}"


SPEEDS = [path for path in sorted((RECORDS / "bench").glob("*.json")) if path.stem != "h100_alone"]  # a generated table


@pytest.mark.parametrize("path", SPEEDS, ids=lambda path: path.stem)
def test_the_page_about_cost_quotes_the_recorded_speeds(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["code"]["dirty"] is False
    assert found["size"] == 256
    text = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    for one in found["networks"]:
        train, predict = one["train"], one["predict"]
        row = [f"`{one['model']}`, {found['batch_size']}", rate(train["plain"])]
        row += [f"{rate(train['ours'])} (x {train['ours'] / train['plain']:.1f})", rate(predict["plain"])]
        row += [f"{rate(predict['ours'])} (x {predict['ours'] / predict['plain']:.1f})"]
        assert f"| {' | '.join(row)} |" in text


def test_the_page_about_cost_works_out_whole_trainings_from_the_recorded_speeds() -> None:
    def seconds(record: str, model: str) -> float:
        networks = json.loads((RECORDS / record).read_text(encoding="utf-8"))["networks"]
        rates = next(one for one in networks if one["model"] == model)
        return float(40 * (2500 / rates["train"]["ours"] + 320 / rates["predict"]["ours"]))

    text = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    gpu, by = "bench/h100_alone.json", "by slices a second"
    hours, minutes = seconds("bench/cpu_16.json", "unet_bn") / 3600, seconds(gpu, "unet_bn") / 60
    assert f"model=unet_bn` | {hours:.0f} h {by} | {minutes:.0f} min {by} |" in text
    days, minutes = seconds("study_002/speed.json", "r2unet") / 86400, seconds(gpu, "r2unet") / 60
    assert f"model=r2unet loss=bce_dice` | {days:.0f} days {by} | {minutes:.0f} min {by} |" in text


def test_the_page_about_cost_says_what_was_measured_of_a_gpus_memory() -> None:
    def gigabytes(place: str) -> str:
        found = [json.loads(path.read_text(encoding="utf-8"))["cost"] for path in RECORDS.glob(f"{place}/metrics.json")]
        return f"{max(cost['peak_memory_bytes'] for cost in found) / 1e9:.1f}"

    text = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    large, small = gigabytes("recipe/h100/size_256"), gigabytes("benchmark/folds/unet_efficientnet_[0-9]")
    assert f": {large} GB, where a fold at 128² took {small} GB." in text
    networks = (gigabytes(f"benchmark/folds/{network}_[0-9]") for network in ("unet_bn", "r2unet"))
    assert f"at 128² their folds took {' and '.join(networks)} GB" in text
    others = [path.parent.name for path in RECORDS.rglob("config.yaml") if "size: 256\n" in path.read_text("utf-8")]
    assert others == ["size_256"], "another run at 256²"


def test_the_page_about_cost_quotes_the_speed_of_a_whole_run_on_a_gpu() -> None:
    epochs = pd.read_csv(RECORDS / "bench" / "h100_run" / "history.csv")["train_slices_per_second"]
    assert f"trained {epochs.iloc[1:].mean():.0f} a second" in (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("command", "network"),
    [
        ("`experiment=quick_cpu`", "unet_efficientnet"),
        ("the same with `model=r2unet loss=bce_dice`", "r2unet"),
        ("the sweep: three of `unet_bn`", "unet_bn"),
        ("and three of `unet_slim`", "unet_slim"),
    ],
)
def test_the_page_about_cost_tells_the_readmes_trainings_as_its_tables_do(command: str, network: str) -> None:
    text = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    (row,) = (line for line in text.splitlines() if line.startswith(f"| {command} |"))
    for place, found in (("cpu", row.split("|")[2:4]), ("folds", row.split("|")[4:6])):
        costs = by_network(f"benchmark/{place}").splitlines()
        for line in (one for one in costs if one.startswith(f"| `{network}` |")):
            *_, seconds, memory = line.split("|")[:5]
            first, _, last = seconds.strip().partition(" to ")
            time = f"{first.partition(' ')[0]} to {last}" if last else first
            assert [one.strip().removesuffix(" each") for one in found] == [time, memory.strip()]


def test_the_page_about_cost_says_how_long_the_first_folds_on_the_gpu_took_together() -> None:
    paths = (RECORDS / "benchmark" / "folds").glob("*/status.json")
    first = sorted((json.loads(path.read_text(encoding="utf-8")) for path in paths), key=itemgetter("started"))[:24]
    ended = max(datetime.fromisoformat(one["updated"]) for one in first)
    seconds = (ended - datetime.fromisoformat(first[0]["started"])).seconds
    assert f"The first 24 of them took {seconds} s together" in (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")


def test_the_page_of_study_001_says_how_long_its_training_would_take_on_a_gpu() -> None:
    found = json.loads((RECORDS / "bench" / "h100_alone.json").read_text(encoding="utf-8"))
    (rate,) = (one["train"]["ours"] for one in found["networks"] if one["model"] == "unet_bn64")
    batches = pd.read_csv(RECORDS / "study_001" / "by_patient" / "history.csv")["step"][0]
    page = " ".join((RECORDS / "study_001" / "README.md").read_text(encoding="utf-8").split())
    assert (
        f"Its 94 epochs of {batches} batches at 256² would train for {94 * batches * 32 / rate / 60:.1f} minutes"
        in page
    )


def test_the_page_of_study_002_quotes_what_each_network_costs() -> None:
    folder = RECORDS / "study_002"
    found = json.loads((folder / "speed.json").read_text(encoding="utf-8"))
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


def test_the_table_of_study_003_has_the_recorded_dice() -> None:
    dice = interval(content(RECORDS / "study_003" / "segmentation")["metrics"]["patient/dice"], "mean")
    assert f"| Dice of patients | 0.0711 | 0.3854 | 0.000 (0.000 to 0.000) | {dice} |" in before_after()


def test_the_page_of_study_002_quotes_what_the_decaying_rate_adds() -> None:
    page = (RECORDS / "study_002" / "README.md").read_text(encoding="utf-8")
    assert f"Dice by {added(RECORDS / 'study_002', 'slim_decay', 'slim', 'dice')} after 15 epochs" in page


def test_the_page_of_study_000_quotes_its_own_measures() -> None:
    page = " ".join((RECORDS / "study_000" / "README.md").read_text(encoding="utf-8").split())
    own, ours = (content(RECORDS / "study_000" / run)["metrics"] for run in ("its_protocol", "by_patient"))
    dice, iou, recall = (three(own[f"minibatch/{key}"]) for key in ("dice", "iou", "recall"))
    assert f"a mini-batch Dice of {dice} (published 0.868), IoU {iou} (0.770), recall {recall} (0.819)" in page
    assert f"By patient the same training has a mini-batch Dice of {three(ours['minibatch/dice'])}." in page
    assert f"pooled Dice is {three(ours['pooled/dice'])}. If the slices of all patients mix" in page
    assert f"no batch is empty: {dice} and {three(own['pooled/dice'])}." in page


def test_the_pages_of_the_studies_quote_what_they_reach() -> None:
    auroc = [
        interval(content(RECORDS / "study_003" / f"classifier_{kind}")["metrics"]["slice/auroc"], "value")
        for kind in ("frozen", "finetuned")
    ]
    page = " ".join((RECORDS / "study_003" / "README.md").read_text(encoding="utf-8").split())
    assert f"an AUROC of {auroc[0]} with a frozen encoder and {auroc[1]} fine-tuned" in page
    iou = content(RECORDS / "study_001" / "subset")["metrics"]["slice/iou"]
    assert f"slice IoU is {three(iou)}" in (RECORDS / "study_001" / "README.md").read_text(encoding="utf-8")
    page = " ".join((RECORDS / "study_004" / "README.md").read_text(encoding="utf-8").split())
    dice = interval(content(RECORDS / "study_004" / "efficientnet")["metrics"]["patient/dice"], "mean")
    unetpp = next(one for one in results() if network(one) == "`unetpp`")
    assert f"a Dice of {dice} here" in page
    assert f"it reaches {three(unetpp.score)}." in page
    slim, vanilla = (content(RECORDS / "study_002" / run)["metrics"] for run in ("slim", "unet"))
    page = " ".join((RECORDS / "study_002" / "README.md").read_text(encoding="utf-8").split())
    assert f"at 128² reach {three(slim['pooled/dice'])} on these nine" in page
    assert (
        f"finds nothing (pooled Dice {three(vanilla['pooled/dice'])}), is {vanilla['pooled/accuracy']:.1%}"
        in page.replace(" %", "%")
    )


def test_the_page_of_study_004_quotes_what_a_random_split_adds() -> None:
    page = " ".join((RECORDS / "study_004" / "README.md").read_text(encoding="utf-8").split())
    leaky = content(RECORDS / "study_004" / "efficientnet_leaky")["metrics"]
    pooled, batches = three(leaky["pooled/dice"]), three(leaky["minibatch/dice"])
    assert f"a pooled Dice of {pooled}, and {batches} as a mean over mini-batches" in page
    runs = find_runs([RECORDS / "study_004" / name for name in ("efficientnet", "efficientnet_leaky")])
    (table,) = leakage_tables(build_leaderboard(runs))
    added = table.rows[0].measures[HEADLINE].added
    quoted = with_interval(added.value, added.estimate.ci95, "{:+.3f}".format)
    assert f"On the {len(table.slices)} slices of {len(table.patients)} patients" in page
    assert f"the leak adds {quoted}: too few to tell" in page


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


@pytest.mark.parametrize("question", ["death01", "grade", "RNASeqCluster_2"])
def test_the_page_of_the_outcomes_quotes_the_recorded_numbers(question: str) -> None:
    folder = RECORDS / "study_004" / "outcome"
    page = (folder / "README.md").read_text(encoding="utf-8")
    for row in json.loads((folder / question / "outcome.json").read_text(encoding="utf-8"))["results"]:
        low, high = row["ci95"]
        told = [row["question"], row["predictors"], f"{row['positives']} of {row['patients']}"]
        told += [f"{row['auc']:.2f} ({low:.2f} to {high:.2f})", f"{row['p_permutation']:.2f}"]
        assert f"| {' | '.join(told)} |" in page


def test_the_page_of_the_grade_quotes_the_folds_together() -> None:
    folder = RECORDS / "study_003" / "grade"
    [table] = build_leaderboard(find_runs([folder])).classifiers
    [entry] = table.entries
    assert (entry.notes, len(next(iter(entry.seeds.values())))) == ((), 5)
    measures = ("patient/accuracy", "patient/f1", "patient/auroc", "slice/auroc")
    cells = [interval(entry.estimates[measure].as_dict(), "value") for measure in measures]
    row = [f"{len(table.comparability.patients)} / 5 folds", *cells]
    assert f"| {' | '.join(row)} |" in (folder / "README.md").read_text(encoding="utf-8")
