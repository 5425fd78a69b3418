"""Two processes train together: they end, and measure together what one process measures."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.workplace import Workplace, lgg, metrics

WORDS = (
    "model=unet_slim", "model.alpha=0.0625", "loss=bce", "preprocess.size=32", "split.val=4", "split.test=2",
    "trainer=debug", "trainer.max_epochs=2", "trainer.strategy=ddp", "trainer.devices=2", "data.batch_size=4",
    "trainer.enable_progress_bar=true", "callbacks=ema", "callbacks.ema.decay=0.5",
)  # fmt: skip


def test_two_processes_end_and_measure_what_one_does(workplace: Workplace) -> None:
    """The bar of the first one reads the numbers of an epoch, which must not wait for the other."""
    folder = workplace[0] / "two"
    done = lgg(workplace, *WORDS, f"hydra.run.dir={folder.name}")
    assert done.returncode == 0, done.stderr
    assert "sync_dist" not in done.stderr, "Lightning's advice, which is what the bar waited for"
    history = pd.read_csv(folder / "history.csv")
    assert history["epoch"].tolist() == [0, 1]
    assert lgg(workplace, f"run={folder}", "split=val", module="lgg_seg.evaluate").returncode == 0
    alone = metrics(next((folder / "evaluations").glob("*_val")))["metrics"]
    best = history.loc[history["val/dice"].idxmax()]
    assert alone["patient/dice"]["mean"] == pytest.approx(best["val/dice"], abs=1e-6)
    assert alone["loss"] == pytest.approx(best["val/loss"], rel=1e-4)
