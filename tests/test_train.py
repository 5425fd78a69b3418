"""A run on phantom data through the command line: its folder, its numbers, its resume, its refusals."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

import cv2
import pandas as pd
import pytest
import torch

from tests.workplace import RUN_FILES, TINY, Command, Workplace, lgg, metrics, train

OF_SEGMENTATION = {
    f"figures/{name}.png" for name in ("roc_pr", "validation_slices", "best_and_worst_patients", "errors")
}


@pytest.fixture(scope="module")
def run(workplace: Workplace) -> Path:
    """Four epochs, unbroken."""
    return train(workplace, "unbroken", "trainer.max_epochs=4", "callbacks.validation_images.every_epochs=2")


def test_a_run_fills_its_folder(run: Path) -> None:
    assert {str(path.relative_to(run)) for path in run.rglob("*")} >= RUN_FILES | OF_SEGMENTATION
    assert not list(run.rglob("*.partial*"))
    assert json.loads((run / "status.json").read_text(encoding="utf-8"))["state"] == "finished"
    assert list((run / "tensorboard").glob("events*"))
    *_, result, best, figures, folder, following = (run / "run.log").read_text(encoding="utf-8").splitlines()
    told = zip(
        (result, best, figures, folder, following),
        ("result: patient Dice", "best epoch: ", "figures: best_and_", "run folder: ", "next: "),
        strict=True,
    )
    assert all(start in line for line, start in told)


def test_the_history_has_a_row_an_epoch_and_the_best_epoch_is_the_checkpoint(run: Path) -> None:
    history = pd.read_csv(run / "history.csv")
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    numbers = {f"{subset}/{name}" for subset in ("train", "val") for name in ("loss", "dice", "iou", "recall")}
    assert numbers | {"lr"} <= set(history.columns)
    best, last = (torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True) for name in ("best", "last"))
    assert best["epoch"] == history["val/dice"].idxmax()
    assert last["epoch"] == 3, "the last epoch, whether or not it was the best"


def test_the_numbers_follow_from_the_per_patient_and_per_slice_tables(run: Path) -> None:
    content, patients, slices = metrics(run), pd.read_csv(run / "per_patient.csv"), pd.read_csv(run / "per_slice.csv")
    assert (content["patients"], content["slices"]) == (len(patients), len(slices))
    dice = 2 * patients.tp / (2 * patients.tp + patients.fp + patients.fn)
    assert content["metrics"]["patient/dice"]["mean"] == pytest.approx(dice.mean())
    pooled = slices[["tp", "fp", "fn", "tn"]].sum()
    assert content["metrics"]["pooled/dice"] == pytest.approx(2 * pooled.tp / (2 * pooled.tp + pooled.fp + pooled.fn))
    assert (
        slices.groupby("patient")[["tp", "fp", "fn", "tn"]]
        .sum()
        .equals(patients.set_index("patient")[["tp", "fp", "fn", "tn"]].sort_index())
    )
    assert slices[["tp", "fp", "fn", "tn"]].sum(axis=1).eq(64 * 64).all(), "the native grid, not the network's 32 x 32"


def test_provenance_says_what_a_reviewer_needs(run: Path) -> None:
    facts = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    assert facts["seed"] == 0
    assert facts["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert facts["command"][:3] == ["python", "-m", "lgg_seg"]
    assert facts["precision"] == "32-true"
    assert facts["wall_seconds"] > 0
    train_, val, test = (set(facts["split"][subset]) for subset in ("train", "val", "test"))
    assert len(train_) + len(val) + len(test) == len(train_ | val | test) == 12
    assert set(pd.read_csv(run / "per_patient.csv").patient) == test


def test_evaluate_gives_the_same_numbers_from_the_folder_alone(run: Path, workplace: Workplace) -> None:
    done = lgg(workplace, f"run={run}", module="lgg_seg.evaluate")
    assert done.returncode == 0, done.stderr
    again = next((run / "evaluations").glob("*_test"))
    assert metrics(again)["metrics"] == metrics(run)["metrics"]
    words = "threshold=0.4", "postprocess=largest_component", "tta=true"
    assert lgg(workplace, f"run={run}", *words, module="lgg_seg.evaluate").returncode == 0
    other = metrics(max((run / "evaluations").glob("*_test")))
    assert (other["threshold"], other["postprocess"], other["tta"]) == (
        {"value": 0.4, "from": "given"},
        "largest_component",
        True,
    )
    assert (again / "per_slice.csv").read_bytes() == (run / "per_slice.csv").read_bytes()


def test_patients_it_was_trained_on_are_refused_unless_allowed_and_then_named(run: Path, workplace: Workplace) -> None:
    refused = lgg(workplace, f"run={run}", "split=all", module="lgg_seg.evaluate")
    assert refused.returncode == 2
    assert "allow_seen=true" in refused.stderr
    allowed = lgg(workplace, f"run={run}", "split=all", "allow_seen=true", module="lgg_seg.evaluate")
    assert allowed.returncode == 0, allowed.stderr
    assert "SEEN: 11 of these" in allowed.stdout
    assert metrics(next((run / "evaluations").glob("*_all")))["seen_patients"] == 11


def test_another_tree_is_evaluated_whole(run: Path, workplace: Workplace) -> None:
    tree = workplace[0] / "elsewhere"
    words = (f"root={tree}", "patients=3", "slices=5", "size=48", "seed=9")
    assert lgg(workplace, "phantom", *words, module="lgg_seg.data").returncode == 0
    refused = lgg(workplace, f"run={run}", f"data.root={tree}", module="lgg_seg.evaluate")
    assert "split=all" in refused.stderr
    whole = (f"run={run}", f"data.root={tree}", "split=all")
    seen = lgg(workplace, *whole, module="lgg_seg.evaluate")
    assert "2 of the 3 patients were trained on" in seen.stderr, "other pixels, but TCGA's barcodes"
    done = lgg(workplace, *whole, "allow_seen=true", module="lgg_seg.evaluate")
    assert done.returncode == 0, done.stderr
    content = metrics(max((run / "evaluations").glob("*_all"), key=os.path.getmtime))
    assert (content["patients"], content["slices"], content["seen_patients"]) == (3, 15, 2)


def test_a_run_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(run: Path, workplace: Workplace) -> None:
    """SIGTERM in the second epoch or later, then resume: the same weights, bit for bit, and the same history."""
    folder = workplace[0]
    words = [*TINY, "trainer.max_epochs=4", "callbacks.validation_images.every_epochs=2", "hydra.run.dir=stopped"]
    command = Command(workplace, *words)
    while not (folder / "stopped" / "checkpoints" / "last.ckpt").exists():
        assert command.is_running()
        time.sleep(0.02)
    command.send_signal(signal.SIGTERM)
    assert command.wait(60).returncode == 128 + signal.SIGTERM
    stopped = folder / "stopped"
    assert json.loads((stopped / "status.json").read_text(encoding="utf-8"))["state"] == "interrupted"
    assert len(pd.read_csv(stopped / "history.csv")) < 4
    stopped = stopped.rename(folder / "moved")  # a run's folder may be moved or copied to another machine

    done = lgg(workplace, f"resume={stopped}")
    assert done.returncode == 0, done.stderr
    same = ["epoch", "step", "train/loss", "train/dice", "val/loss", "val/dice", "lr"]
    assert pd.read_csv(stopped / "history.csv")[same].equals(pd.read_csv(run / "history.csv")[same])
    for name in ("best.ckpt", "last.ckpt"):
        ours, theirs = (torch.load(f / "checkpoints" / name, weights_only=True) for f in (stopped, run))
        assert ours["epoch"] == theirs["epoch"]
        assert all(torch.equal(ours["state_dict"][key], value) for key, value in theirs["state_dict"].items())
    assert metrics(stopped)["metrics"] == metrics(run)["metrics"]

    finished = lgg(workplace, f"resume={stopped}")
    assert finished.returncode == 2
    assert "has finished" in finished.stderr


def test_a_tree_whose_masks_have_changed_is_not_measured_as_the_runs_own(
    workplace: Workplace, run: Path, phantom_root: Path, tmp_path: Path
) -> None:
    tree = Path(shutil.copytree(phantom_root, tmp_path / "tree"))
    (tree / "digests.txt").unlink()
    mask = next(tree.glob("*/*_3_mask.tif"))
    pixels = cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(mask), 255 - pixels)
    refused = lgg(workplace, f"run={run}", f"data.root={tree}", module="lgg_seg.evaluate")
    assert refused.returncode == 2
    assert "split=all" in refused.stderr


def test_a_leaky_split_is_marked_in_every_table(workplace: Workplace) -> None:
    folder = train(workplace, "leaky", "split=slice_random", "trainer.max_epochs=1", "logger=csv")
    assert metrics(folder)["protocol"] == "slice_random (leaky)"
    for name in ("per_patient.csv", "per_slice.csv", "history.csv"):
        assert set(pd.read_csv(folder / name)["protocol"]) == {"slice_random (leaky)"}
    everyone = lgg(workplace, f"run={folder}", "split=all", "allow_seen=true", module="lgg_seg.evaluate")
    assert "protocol slice_random (leaky)" in everyone.stdout
    assert "SEEN: 12 of these" in everyone.stdout


def test_checkpoints_load_without_running_code_and_hold_plain_containers(run: Path) -> None:
    for name in ("best", "last"):
        assert torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]


def test_the_average_of_the_weights_is_what_is_validated_kept_and_measured(workplace: Workplace) -> None:
    folder = train(
        workplace, "ema", "trainer.max_epochs=2", "callbacks=ema", "callbacks.ema.decay=0.5", "evaluation.subset=val"
    )
    last = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    average, current = last["state_dict"], last["current_model_state"]
    assert any(not torch.equal(average[name], current[name]) for name in average)
    assert lgg(workplace, f"run={folder}", "split=val", module="lgg_seg.evaluate").returncode == 0
    printed = lgg(workplace, f"run={folder}", "split=train", module="lgg_seg.evaluate")
    assert printed.returncode == 0
    assert re.search(r"│ train +│.*\n│ val +│", printed.stdout), "beside the run's own result"
    trained = metrics(next((folder / "evaluations").glob("*_train")))
    assert trained["patients"] == trained["seen_patients"] > 0
    again = metrics(next((folder / "evaluations").glob("*_val")))
    assert metrics(folder)["split"] == "val", "so that a recipe can be chosen and the test patients stay unseen"
    assert metrics(folder)["metrics"] == again["metrics"]
    measured = again["metrics"]["patient/dice"]["mean"]
    assert measured == pytest.approx(pd.read_csv(folder / "history.csv")["val/dice"].max(), abs=1e-6)


def test_debug_fast_writes_every_file(workplace: Workplace) -> None:
    folder = train(workplace, "fast", "debug=fast", "evaluation.threshold=validation")
    assert {str(path.relative_to(folder)) for path in folder.rglob("*")} >= RUN_FILES | OF_SEGMENTATION
    content = metrics(folder)
    assert content["truncated"] is True
    assert content["threshold"]["from"] == "validation"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("data.root=cache",), "data=phantom"),
        (("model=unet_slimm",), "did you mean unet_slim?"),
        (("model.alpha=wide",), "model.alpha is 'wide'"),
        (("resume=nowhere",), "a run's folder?"),
        (("trainer.precision=bf17",), "choose from"),
        (("split.val=0",), "no val patients"),
        (("split=everyone", "evaluation.threshold=validation"), "take evaluation.threshold=fixed"),
        (("split=everyone", "scheduler=plateau"), "choose another scheduler"),
        (("evaluation.batch_size=0",), "evaluation.batch_size is 0"),
        (("loss=null",), "choose from bce"),
        (("optimizer=sgd", "optimizer.momentum=0"), "optimizer refuses"),
        (("hydra.run.dir=unbroken",), "already holds a run"),
        (("hydra.run.dir=/dev/null/run",), "choose another hydra.run.dir"),
        (("hydra.run.dir=/proc/run",), "choose another hydra.run.dir"),
        (("-m", "hydra.sweep.dir=/dev/null/sweep"), "choose another hydra.sweep.dir"),
    ],
)
def test_bad_input_gets_one_sentence_and_a_failing_exit_code(
    run: Path, workplace: Workplace, words: tuple[str, ...], says: str
) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    done = lgg(workplace, *(words if words[0].startswith("resume") else (*TINY, *words)))
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before, "nothing is overwritten"


@pytest.mark.parametrize(
    ("words", "says", "folder"),
    [
        (("weights=nothing",), "no run's folder, file of weights or model of the zoo", "refused/mine/new/run"),
        (("optimizer=sgd", "optimizer.momentum=0"), "The optimizer refuses its settings: Nesterov", "refused/mine/new"),
        (("scheduler=plateau", "scheduler.factor=1"), "factor is 1; it must be between", "../{}/refused/mine"),
        (("trainer.accumulate_grad_batches=99",), "take that many or fewer", "refused/mine"),
    ],
)
def test_words_that_are_refused_before_the_first_step_leave_nothing(
    workplace: Workplace, words: tuple[str, ...], says: str, folder: str
) -> None:
    users = workplace[0] / "refused" / "mine"
    users.mkdir(parents=True, exist_ok=True)
    done = lgg(workplace, *TINY, *words, f"hydra.run.dir={folder.format(workplace[0].name)}")
    assert done.returncode == 2
    assert says in done.stderr
    assert list(users.parent.rglob("*")) == [users], "what the user had made stays, nothing else"


def test_a_run_fed_from_the_device_learns_as_one_fed_from_the_host(workplace: Workplace) -> None:
    words = "augment=strong", "trainer.max_epochs=1", "preprocess.context=1", "logger=csv", "callbacks=none"
    ways = [train(workplace, f"fed_{feed}", *words, f"data.feed={feed}") for feed in ("host", "device")]
    host, device = (pd.read_csv(folder / "history.csv")["train/loss"] for folder in ways)
    assert device.tolist() == pytest.approx(host.tolist(), rel=0.01)
    assert metrics(ways[1])["split"] == metrics(ways[0])["split"] == "test"
