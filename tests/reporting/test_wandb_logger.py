"""A run recorded by Weights & Biases without a network: what is in its file, and what is not."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from wandb.proto import wandb_internal_pb2

from lgg_seg.reporting.wandb_logger import wandb_logger

USER = "j_unmistakable"
BLOCK = 32768


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


@pytest.fixture(scope="module")
def run(phantom_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run of a user with an unmistakable name, whose data lie in his home, on a machine without a network."""
    folder = tmp_path_factory.mktemp("wandb_workplace")
    home = folder / USER
    home.mkdir()
    (home / "kaggle").symlink_to(phantom_root)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")} | {
        "HOME": str(home), "USER": USER, "LOGNAME": USER, "USERNAME": USER, "OMP_NUM_THREADS": "1",
        "LGG_DATA_ROOT": str(home / "kaggle"),
        "MPLCONFIGDIR": matplotlib.get_cachedir(),  # else a new home takes ten seconds to list the fonts
        "HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9",  # nobody answers there
    }  # fmt: skip
    words = ["model=unet_slim", "model.alpha=0.0625", "preprocess.size=32", "trainer=debug", "trainer.progress=false"]
    words += ["debug=fast", "logger=wandb", "hydra.run.dir=run", f"data.cache_dir={home / 'cache'}"]
    command = [sys.executable, "-m", "lgg_seg", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def recorded(run: Path) -> list[Any]:
    (file,) = (run / "wandb").glob("offline-run-*/*.wandb")
    return list(records(file))


def test_the_tests_numbers_are_the_runs_summary(run: Path, recorded: list[Any]) -> None:
    summary = {}
    for record in recorded:
        for item in record.summary.update:
            summary[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
    content = json.loads((run / "metrics.json").read_text())
    assert {f"test/{name}" for name in content["metrics"]} <= set(summary)
    for name, value in content["metrics"].items():
        assert summary[f"test/{name}"] == value, name


def test_the_run_has_its_name_its_config_its_history_and_its_figures(run: Path, recorded: list[Any]) -> None:
    config = {item.key: json.loads(item.value_json) for record in recorded for item in record.config.update}
    assert config["model"]["alpha"] == 0.0625
    assert {"seed", "loss", "optimizer", "data"} <= set(config)
    assert "unet_slim" in {record.run.display_name for record in recorded}
    history = {"/".join(item.nested_key) or item.key for record in recorded for item in record.history.item}
    assert {"train/loss", "train/dice", "val/loss", "val/dice"} <= history
    media = {path.name.partition("_4_")[0] for path in (run / "wandb").glob("offline-run-*/files/media/images/*.png")}
    assert len(media) == len(list((run / "figures").glob("*.png")))


def test_neither_host_nor_user_nor_folders_nor_the_command_line_are_recorded(run: Path, recorded: list[Any]) -> None:
    texts = [str(record) for record in recorded]
    texts += [path.read_text() for path in (run / "wandb").glob("offline-run-*/files/*") if path.is_file()]
    for text in texts:
        assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", text)
        assert USER not in text
        assert str(run.parent) not in text
        assert "hydra.run.dir" not in text
        assert "debug=fast" not in text
    kinds = {record.WhichOneof("record_type") for record in recorded}
    assert "exit" in kinds, "the run was ended"
    assert not kinds & {"environment", "output", "output_raw", "stats"}


def test_a_job_that_failed_does_not_lend_its_run_to_the_next_of_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")  # Lightning sets it, and only the patch takes it away again
    loggers = []
    for job in ("0", "1"):
        (tmp_path / job).mkdir()
        loggers.append(wandb_logger(str(tmp_path / job)))
        loggers[-1].experiment.summary["job"] = job  # and breaks off here, without an end
    assert loggers[0].experiment.id != loggers[1].experiment.id
    loggers[1].experiment.finish()
    assert all(len(list((tmp_path / job / "wandb").glob("offline-run-*/*.wandb"))) == 1 for job in ("0", "1"))
