"""What a run has used goes with it: the jobs of a sweep follow one another in one process."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
from matplotlib.figure import Figure
from torch.utils.data import DataLoader

from lgg_seg.train import run
from tests.configs import composed
from tests.workplace import TINY

HEAVY = (pl.Trainer, pl.LightningModule, pl.LightningDataModule, DataLoader, Figure, np.memmap)


def held() -> list[str]:
    """The kinds of the objects that hold a run's memory and files, and the threads."""
    gc.collect()
    kinds = [
        type(one).__name__ for one in gc.get_objects() if issubclass(type(one), HEAVY)
    ]  # some answer to isinstance with a warning
    return sorted([*kinds, *(thread.name for thread in threading.enumerate())])


def test_a_run_leaves_no_trainer_network_figure_file_or_thread_behind(
    phantom_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LGG_DATA_ROOT", str(phantom_root))
    words = [*TINY, "trainer.max_epochs=1", "trainer.limit_train_batches=2", "split.val=2", "split.test=2"]
    before = held()
    run(composed(*words), tmp_path / "run", words, brief=True)
    assert (tmp_path / "run" / "metrics.json").exists()
    assert held() == before
