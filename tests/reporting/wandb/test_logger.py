"""Runs recorded by Weights & Biases without a network: what is in their files, and what is not."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import pandas as pd
import pytest
import wandb
from omegaconf import OmegaConf
from pytorch_lightning.utilities import rank_zero_only
from wandb.proto import wandb_internal_pb2

from lgg_seg.reporting.wandb.logger import end_run, wandb_logger
from tests.workplace import Command, lgg

USER, KEY = "j_unmistakable", "5ec7e7" * 7
BLOCK = 32768
TINY = ("model=unet_slim", "model.alpha=0.0625", "preprocess.size=32", "trainer=debug", "trainer.enable_progress_bar=false")


def records(file: Path) -> Iterator[Any]:
    """The records of a `.wandb` file: a LevelDB log (7 bytes ahead of each chunk: checksum, length, kind)."""
    content, place, parts = file.read_bytes(), 7, b""
    while place + 7 <= len(content):
        if BLOCK - place % BLOCK < 7:  # no chunk's head fits into what is left of the block
            place += BLOCK - place % BLOCK
            continue
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        parts += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a whole record, or the last chunk of one
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def values(items: Sequence[Any]) -> dict[str, Any]:
    return {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


class Recorded:
    """What W&B wrote below a run folder in one go; `part` counts the times it was resumed."""

    def __init__(self, run: Path, part: int = 0) -> None:
        self.folder = sorted((run / "wandb").glob("offline-run-*"))[part]
        (file,) = self.folder.glob("*.wandb")
        self.id = file.stem.removeprefix("run-")
        self.records = list(records(file))
        self.summary: dict[str, Any] = {}
        self.history: dict[str, Any] = {}  # of each name the last value
        self.config: dict[str, Any] = {}
        for record in self.records:
            self.summary |= values(record.summary.update)
            self.history |= values(record.history.item)
            self.config |= values(record.config.update)
        self.run = [record.run for record in self.records if record.HasField("run")][-1]

    @property
    def exit_codes(self) -> list[int]:
        return [record.exit.exit_code for record in self.records if record.HasField("exit")]

    def table(self, name: str) -> pd.DataFrame:
        text = (self.folder / "files" / self.history[f"{name}/path"]).read_text(encoding="utf-8")
        content = json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))
        return pd.DataFrame(content["data"], columns=content["columns"])


@pytest.fixture(scope="module")
def workplace(phantom_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder and the environment of a user with an unmistakable name and key, on a machine without a network."""
    folder = tmp_path_factory.mktemp("wandb_workplace")
    home = folder / USER
    home.mkdir()
    (home / "kaggle").symlink_to(phantom_root)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")} | {
        "HOME": str(home), "USER": USER, "LOGNAME": USER, "USERNAME": USER, "OMP_NUM_THREADS": "1",
        "LGG_DATA_ROOT": str(home / "kaggle"), "WANDB_API_KEY": KEY,
        "MPLCONFIGDIR": matplotlib.get_cachedir(),  # else a new home takes ten seconds to list the fonts
        "HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9",  # nobody answers there
    }  # fmt: skip
    return folder, environment


@pytest.fixture(scope="module")
def jobs(workplace: tuple[Path, dict[str, str]]) -> list[Path]:
    """The folders of three jobs of one process, of which the second fails in its test: its weights have diverged."""
    folder = workplace[0]
    arguments = [*TINY, "debug=fast", "logger=wandb", "split.test=2", "optimizer.lr=0.001,1e38,0.01"]
    arguments += ["hydra.sweep.dir=learning_rates", f"data.cache_dir={folder / USER / 'cache'}"]
    done = lgg(workplace, "-m", *arguments)
    files = (folder / "learning_rates").glob("*/config.yaml")
    runs = {OmegaConf.load(file).optimizer.lr: file.parent for file in files}
    states = {rate: json.loads((run / "status.json").read_text(encoding="utf-8"))["state"] for rate, run in runs.items()}
    assert states == {0.001: "finished", 1e38: "failed", 0.01: "finished"}, done.stderr
    return [runs[rate] for rate in (0.001, 1e38, 0.01)]


@pytest.fixture(scope="module")
def run(jobs: list[Path]) -> Path:
    return jobs[0]


@pytest.fixture(scope="module")
def recorded(run: Path) -> Recorded:
    return Recorded(run)


def test_the_tests_numbers_and_its_cost_are_the_runs_summary(run: Path, recorded: Recorded) -> None:
    content = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert recorded.summary["test/patient/dice"]["mean"] == content["metrics"]["patient/dice"]["mean"]
    for part, numbers in (("test", content["metrics"]), ("cost", content["cost"])):
        assert {f"{part}/{name}": recorded.summary.get(f"{part}/{name}") for name in numbers} == {
            f"{part}/{name}": value for name, value in numbers.items()
        }
    assert recorded.summary["protocol"] == "patient"
    assert recorded.summary["truncated"] is True


def test_the_run_has_its_name_its_config_its_history_and_its_figures(run: Path, recorded: Recorded) -> None:
    assert recorded.config["model"]["alpha"] == 0.0625
    assert {"seed", "loss", "optimizer", "data"} <= set(recorded.config)
    assert recorded.run.display_name == "unet_slim, seed 0"
    assert set(recorded.run.tags) == {"unet_slim", "patient"}
    made, named = json.loads((run / "provenance.json").read_text(encoding="utf-8")), recorded.config["provenance"]
    for key in ("data_fingerprint", "code", "versions", "choices"):
        assert named[key] == made[key]
    assert named["choices"]["model"] == "unet_slim"
    assert named["split"] == {"protocol": "patient", "hash": made["split"]["hash"]}
    history = pd.read_csv(run / "history.csv")
    numbers = [f"{subset}/{name}" for subset in ("train", "val") for name in ("loss", "dice", "iou", "recall")]
    for name in (*numbers, "lr"):
        assert recorded.history[name] == pytest.approx(history[name].iloc[-1])
    assert recorded.summary["val/dice"]["max"] == pytest.approx(history["val/dice"].max())
    for figure in (run / "figures").glob("*.png"):
        logged = recorded.folder / "files" / recorded.history[f"figures/{figure.stem}/path"]
        assert logged.read_bytes() == figure.read_bytes()


def test_the_validation_slices_of_an_epoch_are_images_with_masks(recorded: Recorded) -> None:
    captions = recorded.history["validation slices/captions"]
    assert all(re.fullmatch(r"TCGA_\w+ / \d, epoch 1", caption) for caption in captions)
    assert len(set(captions)) == recorded.history["validation slices/count"] > 0
    for paths in recorded.history["validation slices/all_masks"]:
        truth = cv2.imread(str(recorded.folder / "files" / paths["truth"]["path"]), cv2.IMREAD_UNCHANGED)
        assert truth.shape == (64, 64)
        assert set(np.unique(truth)) == {0, 1}, "a patient's slice with the most tumour"
        assert "prediction" in paths


def test_the_tables_are_those_of_the_run_folder(run: Path, recorded: Recorded) -> None:
    expected = pd.read_csv(run / "per_patient.csv")
    pd.testing.assert_frame_equal(recorded.table("test/patients"), expected, check_dtype=False)
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    table = recorded.table("test/metrics").set_index("metric")
    assert list(table.index) == list(metrics)
    assert table.loc["pooled/dice", "value"] == metrics["pooled/dice"]
    dice = metrics["patient/dice"]
    assert table.loc["patient/dice"].tolist() == [dice["mean"], *dice["ci95"], dice["median"], dice["std"]]


def test_the_curves_pass_through_the_numbers_of_the_test_at_its_threshold(run: Path, recorded: Recorded) -> None:
    content = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    metrics, threshold = content["metrics"], content["threshold"]["value"]
    at = {}
    for name in ("roc", "pr", "dice_by_threshold"):
        assert recorded.config[f"_wandb/visualize/curves/{name}"]["panel_config"]["panelDefId"] == "wandb/line/v0"
        table = recorded.table(f"curves/{name}_table")
        at[name] = table.loc[table["threshold"].where(table["threshold"] >= threshold).idxmin()]
    near = partial(pytest.approx, abs=0.003)  # a curve has a thousand points
    assert at["roc"]["false positive rate"] == near(1 - metrics["pooled/specificity"])
    assert at["roc"]["true positive rate"] == at["pr"]["recall"] == near(metrics["pooled/recall"])
    assert at["pr"]["precision"] == near(metrics["pooled/precision"])
    assert at["dice_by_threshold"]["dice"] == pytest.approx(metrics["patient/dice"]["mean"])


def test_the_masks_over_the_slices_have_the_pixels_of_the_test(run: Path, recorded: Recorded) -> None:
    files, slices = recorded.folder / "files", pd.read_csv(run / "per_slice.csv")
    captions = recorded.history["test/slices/captions"]
    assert {caption.partition(",")[0] for caption in captions} == set(slices["patient"])
    images = recorded.history["test/slices/filenames"]
    for caption, image, paths in zip(captions, images, recorded.history["test/slices/all_masks"], strict=True):
        of_patient = slices[slices["patient"] == caption.partition(",")[0]]
        row = of_patient.loc[of_patient["truth_pixels"].idxmax()]
        masks = {name: cv2.imread(str(files / mask["path"]), cv2.IMREAD_UNCHANGED) for name, mask in paths.items()}
        assert cv2.imread(str(files / image)).shape[:2] == masks["truth"].shape == (64, 64)
        assert (masks["truth"] == 1).sum() == row["truth_pixels"]
        assert (masks["prediction"] == 1).sum() == row["predicted_pixels"]
        assert np.logical_and(masks["truth"], masks["prediction"]).sum() == row["tp"]


def test_no_key_host_user_folder_or_command_line_is_recorded(jobs: list[Path]) -> None:
    for job in jobs:
        recorded = Recorded(job)
        texts = [str(record) for record in recorded.records]
        files = [path for path in (recorded.folder / "files").rglob("*") if path.is_file() and path.suffix != ".png"]
        texts += [path.read_text(encoding="utf-8") for path in files]
        for text in texts:
            assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", text)
            for secret in (KEY, USER, str(job.parent.parent), sys.executable, "hydra.sweep", "debug=fast", "lr=0.001"):
                assert secret not in text
        kinds = {record.WhichOneof("record_type") for record in recorded.records}
        assert not kinds & {"environment", "output", "output_raw", "stats", "artifact"}
        assert all(KEY not in log.read_text(encoding="utf-8") for log in (recorded.folder / "logs").iterdir())


def test_the_jobs_of_a_sweep_are_one_group_with_their_exit_codes(jobs: list[Path]) -> None:
    runs = [Recorded(job) for job in jobs]
    assert len({run.id for run in runs}) == 3
    assert {(run.run.run_group, run.run.job_type) for run in runs} == {("learning_rates", "train")}
    assert [run.config["optimizer"]["lr"] for run in runs] == [0.001, 1e38, 0.01]
    assert [run.exit_codes for run in runs] == [[0], [1], [0]]


def test_a_stopped_run_is_ended_and_resumed_as_the_same_run(workplace: tuple[Path, dict[str, str]]) -> None:
    folder = workplace[0]
    arguments = [*TINY, "trainer.max_epochs=4", "callbacks=none", "logger=wandb", "hydra.run.dir=stopped"]
    command = Command(workplace, *arguments)
    run = folder / "stopped"
    while not (run / "checkpoints" / "last.ckpt").exists():
        assert command.is_running()
        time.sleep(0.02)
    command.send_signal(signal.SIGTERM)
    assert command.wait(60).returncode == 128 + signal.SIGTERM
    done = lgg(workplace, "resume=stopped")
    assert done.returncode == 0, done.stderr
    before, after = Recorded(run, 0), Recorded(run, 1)
    assert before.id == after.id
    assert after.run.resume, "wandb sync appends it to the first part"
    assert (before.exit_codes, after.exit_codes) == ([1], [0])
    assert before.history["epoch"] < 3
    assert after.history["epoch"] == 3
    assert "test/pooled/dice" in after.summary


@pytest.mark.parametrize(
    ("set_", "says"),
    [
        ({"WANDB_API_KEY": ""}, "no key is found"),
        ({"WANDB_BASE_URL": "http://127.0.0.1:9"}, "does not answer or refuses the key"),
    ],
)
def test_online_without_key_or_network_goes_on_offline_and_names_the_sync_command(
    workplace: tuple[Path, dict[str, str]], tmp_path: Path, set_: dict[str, str], says: str
) -> None:
    program = (
        "import time; from lgg_seg.reporting.wandb.logger import end_run, wandb_logger; started = time.perf_counter();"
        "logger = wandb_logger('.', mode='online'); logger.log_metrics({'x': 1}); end_run(0);"
        "print(time.perf_counter() - started)"
    )
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    done = lgg((tmp_path, workplace[1] | set_), module="program")
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 30, "seconds"
    recorded = Recorded(tmp_path)
    assert (recorded.history["x"], recorded.exit_codes) == (1, [0])
    assert says in done.stderr
    assert f"`wandb sync wandb/*run-*-{recorded.id}` publishes it" in done.stderr


def test_a_run_left_open_is_not_continued_and_its_mode_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    for job in ("0", "1"):
        (tmp_path / job).mkdir()
        wandb_logger(str(tmp_path / job)).experiment.summary["job"] = job  # and breaks off here, without an end
    end_run(0)
    wandb.teardown()  # waits until its writer has closed the files
    first, second = Recorded(tmp_path / "0"), Recorded(tmp_path / "1")
    assert first.id != second.id
    assert (first.summary["job"], second.summary["job"]) == ("0", "1")
    assert (first.exit_codes, second.exit_codes) == ([1], [0])
    assert "WANDB_MODE" not in os.environ


def test_one_process_of_a_distributed_run_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    wandb_logger(str(tmp_path)).log_metrics({"x": 1})
    assert not list(tmp_path.iterdir())
