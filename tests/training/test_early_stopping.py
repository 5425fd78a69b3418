"""Early stopping follows the monitor that the best checkpoint is chosen by, for either task."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from torch.optim import SGD

from lgg_seg import schedulers
from lgg_seg.data.labels import slice_labels
from lgg_seg.errors import UserError
from lgg_seg.losses import BCE
from lgg_seg.networks import ResNet50Classifier, UNet
from lgg_seg.training import ClassificationModule, SegmentationModule
from lgg_seg.training.base import Parts, TrainingModule
from lgg_seg.training.callbacks import EarlyStopping
from lgg_seg.training.experiment import Experiment
from tests.configs import composed


@pytest.mark.parametrize("task", ["segmentation", "classification"])
def test_early_stopping_ends_a_training_that_learns_nothing(task: str, phantom_root: Path, tmp_path: Path) -> None:
    overrides = ["preprocess.size=32", "augment=none", "split.val=2", "split.test=2", "callbacks=none"]
    config = composed(*overrides, "trainer=debug", "trainer.enable_progress_bar=false", "trainer.max_epochs=9")
    data = Experiment.of(config).existing_data(phantom_root)
    data.setup()
    parts = (BCE(), partial(SGD, lr=0.0), schedulers.none)
    module: TrainingModule
    if task == "segmentation":
        module = SegmentationModule(Parts(UNet(filters=2), *parts), patients=12)
    else:
        labels = [bool(label) for label in slice_labels(data.index, "tumour")]
        frozen = ResNet50Classifier("tumour", weights=None, freeze_encoder=True, dropout=0.0)
        norm: Any = frozen.head[1]
        norm.momentum = 0.0  # nothing at all may change
        module = ClassificationModule(Parts(frozen, *parts), labels, data.split.val)
    settings = Experiment.of(config).trainer
    stopping = EarlyStopping(patience=2)
    settings.build(settings.prepare(), tmp_path, [stopping], []).fit(module, datamodule=data)
    assert stopping.monitor == module.monitor.column
    assert module.trainer.current_epoch == 3, "the first epoch is the best, and two more are no better"


@pytest.mark.parametrize(("interval", "epochs"), [(None, 3), (1, 1)])
def test_patience_counts_validations(interval: int | None, epochs: int, phantom_root: Path, tmp_path: Path) -> None:
    overrides = ["preprocess.size=32", "augment=none", "split.val=2", "split.test=2", "callbacks=none"]
    overrides += ["trainer=debug", "trainer.enable_progress_bar=false", "trainer.max_epochs=9"]
    overrides += [f"+trainer.val_check_interval={interval or 'null'}"]
    config = composed(*overrides)
    data = Experiment.of(config).existing_data(phantom_root)
    data.setup()
    parts = Parts(UNet(filters=2), BCE(), partial(SGD, lr=0.0), schedulers.none)
    module = SegmentationModule(parts, patients=12)
    settings = Experiment.of(config).trainer
    trainer = settings.build(settings.prepare(), tmp_path, [EarlyStopping(patience=2)], [])
    trainer.fit(module, datamodule=data)
    assert trainer.current_epoch == epochs
    assert interval is None or trainer.global_step == 3


def test_a_patience_of_0_is_refused() -> None:
    with pytest.raises(UserError, match=r"callbacks\.early_stopping\.patience is 0"):
        EarlyStopping(patience=0)
