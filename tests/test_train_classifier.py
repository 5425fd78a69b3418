"""A classifier through the same command as a segmentation: its folder, its numbers, its resume, its refusals."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from omegaconf import DictConfig

from lgg_seg.config.validation import check_config
from lgg_seg.errors import UserError
from lgg_seg.training.experiment import Experiment
from tests.configs import composed
from tests.reporting.wandb.test_logger import Recorded
from tests.workplace import RUN_FILES, Command, Workplace, lgg, metrics

CLASSIFIER = ("model=classifier_resnet50", "model.weights=null", "loss=bce", "preprocess.size=32", "data.batch_size=12")
TINY = (
    *CLASSIFIER,
    "trainer=debug",
    "trainer.enable_progress_bar=false",
    "split.val=3",
    "split.test=3",
    "model.hidden=8",
)
# A frozen encoder's checkpoint is a third as large; its head has dropout and batch norm all the same.
FROZEN = ("model.freeze_encoder=true", "trainer.max_epochs=3")


@pytest.fixture(scope="module")
def run(workplace: Workplace) -> Path:
    """Three epochs of the head, unbroken."""
    done = lgg(workplace, *TINY, *FROZEN, "hydra.run.dir=unbroken")
    assert done.returncode == 0, done.stderr
    assert "slice/auroc" in done.stdout
    return workplace[0] / "unbroken"


def test_a_run_fills_its_folder(run: Path) -> None:
    assert {str(path.relative_to(run)) for path in run.rglob("*")} >= RUN_FILES | {"figures/roc.png"}
    assert not list(run.rglob("*.partial*"))
    assert json.loads((run / "status.json").read_text(encoding="utf-8"))["state"] == "finished"
    content = metrics(run)
    assert (content["task"], content["target"], content["patients"]) == ("classification", "tumour", 3)
    for name in ("slice/accuracy", "slice/f1", "slice/auroc", "patient/accuracy", "patient/auroc"):
        assert set(content["metrics"][name]) == {"value", "ci95"}, name


def test_the_best_epoch_by_validation_area_is_the_checkpoint(run: Path) -> None:
    history = pd.read_csv(run / "history.csv")
    assert history["epoch"].tolist() == [0, 1, 2]
    best, last = (torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True) for name in ("best", "last"))
    assert best["epoch"] == history["val/auroc"].idxmax()
    assert last["epoch"] == 2


def test_evaluate_gives_the_same_numbers_from_the_folder_alone(run: Path, workplace: Workplace) -> None:
    done = lgg(workplace, f"run={run}", module="lgg_seg.evaluate")
    assert done.returncode == 0, done.stderr
    again = next((run / "evaluations").glob("*_test"))
    assert metrics(again)["metrics"] == metrics(run)["metrics"]
    assert (again / "per_slice.csv").read_bytes() == (run / "per_slice.csv").read_bytes()
    assert (again / "figures" / "roc.png").exists()


def test_a_run_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(run: Path, workplace: Workplace) -> None:
    folder = workplace[0]
    words = [*TINY, *FROZEN, "hydra.run.dir=stopped"]
    command = Command(workplace, *words)
    stopped = folder / "stopped"
    while not (stopped / "checkpoints" / "last.ckpt").exists():
        assert command.is_running()
        time.sleep(0.02)
    command.send_signal(signal.SIGINT)
    assert command.wait(60).returncode == 128 + signal.SIGINT
    assert len(pd.read_csv(stopped / "history.csv")) < 3
    done = lgg(workplace, "resume=stopped")
    assert done.returncode == 0, done.stderr
    same = ["epoch", "step", "train/loss", "train/auroc", "val/loss", "val/auroc", "lr"]
    assert pd.read_csv(stopped / "history.csv")[same].equals(pd.read_csv(run / "history.csv")[same])
    for name in ("best.ckpt", "last.ckpt"):
        ours, theirs = (torch.load(f / "checkpoints" / name, weights_only=True) for f in (stopped, run))
        assert ours["epoch"] == theirs["epoch"]
        assert all(torch.equal(ours["state_dict"][key], value) for key, value in theirs["state_dict"].items())
    assert metrics(stopped)["metrics"] == metrics(run)["metrics"]


def test_every_layer_trained_for_the_grade_with_a_chosen_threshold_and_every_logger(workplace: Workplace) -> None:
    words = ("model.target=grade", "debug=fast", "evaluation.max_patients=null", "evaluation.threshold=validation")
    done = lgg(workplace, *TINY, *words, "loss=focal", "logger=all", "hydra.run.dir=grade", "split.test=6")
    assert done.returncode == 0, done.stderr
    folder = workplace[0] / "grade"
    patients = pd.read_csv(folder / "per_patient.csv")
    assert {"label", "probability", "correct"} <= set(patients.columns)
    assert metrics(folder)["target"] == "grade"
    assert metrics(folder)["threshold"]["from"] == "validation"
    recorded = Recorded(folder)
    pd.testing.assert_frame_equal(recorded.table("test/patients").fillna(float("nan")), patients, check_dtype=False)
    table = recorded.table("test/metrics").set_index("metric")
    auroc = metrics(folder)["metrics"]["slice/auroc"]
    assert table.loc["slice/auroc", ["value", "ci95_low", "ci95_high"]].tolist() == [auroc["value"], *auroc["ci95"]]


def test_what_a_classifier_has_no_use_for_is_refused_in_one_sentence_before_anything_is_done(
    workplace: Workplace,
) -> None:
    done = lgg(workplace, *TINY, "loss=bce_dice", "hydra.run.dir=refused")
    assert done.returncode == 2
    assert "take loss=bce, loss=weighted_bce or loss=focal" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (workplace[0] / "refused" / "status.json").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("loss=tversky",), "measures the overlap of masks"),
        (("evaluation.postprocess=largest_component",), "evaluation.postprocess=none"),
        (("data.batch_size=1",), "data.batch_size=2"),
        (("model.target=age",), "model.target is 'age'"),
        (("~model.target",), "model.target=grade"),
    ],
)
def test_members_that_do_not_go_with_a_classifier_are_refused(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(UserError, match=says):
        coherent(composed(*TINY, *words))
    coherent(composed(*TINY))


def coherent(config: DictConfig) -> None:
    check_config(config)
    Experiment.of(config)


def test_a_classifier_can_be_trained_on_every_patient(workplace: Workplace) -> None:
    words = "split=everyone", "model.freeze_encoder=true", "trainer.max_epochs=1", "hydra.run.dir=everyone"
    done = lgg(workplace, *(word for word in TINY if not word.startswith("split.")), *words)
    assert done.returncode == 0, done.stderr
    assert "no patient is left to test" in done.stdout
    kept = torch.load(workplace[0] / "everyone" / "checkpoints" / "best.ckpt", weights_only=True)
    assert kept["epoch"] == 0
