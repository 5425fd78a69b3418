"""A classifier's steps by hand, and what a tiny real training of one does."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as oracle
from torch import Tensor, nn
from torch.optim import SGD

from lgg_seg import schedulers
from lgg_seg.data.datamodule import DataModule
from lgg_seg.data.labels import slice_labels
from lgg_seg.errors import UserError
from lgg_seg.losses import BCE, Dice, Focal
from lgg_seg.networks import SliceClassifier
from lgg_seg.networks.classifier import Target
from lgg_seg.runs.monitor import AUROC, LOSS
from lgg_seg.training import ClassificationModule
from lgg_seg.training.base import Parts
from lgg_seg.training.classification import slice_loss
from lgg_seg.training.experiment import Experiment
from tests.configs import composed


class Tiny(SliceClassifier):
    def __init__(self, target: Target = "tumour", frozen: bool = False) -> None:
        super().__init__(target)
        torch.manual_seed(0)
        self.stem, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 1)
        self.stem.requires_grad_(not frozen)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(torch.relu(self.stem(x)).mean(dim=(2, 3)))
        return out


@pytest.fixture(scope="module")
def data(phantom_root: Path) -> DataModule:
    overrides = ["model=classifier_resnet50", "loss=bce", "preprocess.size=16", "augment=none", "data.batch_size=8"]
    module = Experiment.of(composed(*overrides, "split.val=3", "split.test=2")).existing_data(phantom_root)
    module.prepare_data()
    module.setup("fit")
    return module


def truths(metric: Any) -> list[torch.Tensor]:
    return list(metric.truths)


def module_of(
    data: DataModule,
    network: SliceClassifier,
    loss: nn.Module | None = None,
    labels: list[bool] | None = None,
    scheduler: Any = schedulers.none,
    lr: float = 0.1,
) -> ClassificationModule:
    known = labels or [bool(label) for label in slice_labels(data.index, "tumour")]
    return ClassificationModule(Parts(network, loss or BCE(), partial(SGD, lr=lr), scheduler), known, data.split.val)


def fit(module: ClassificationModule, data: DataModule, folder: Path, *overrides: str) -> dict[str, float]:
    config = composed("trainer=debug", "trainer.enable_progress_bar=false", "trainer.max_epochs=1", *overrides)
    settings = Experiment.of(config).trainer
    trainer = settings.build(settings.prepare(), folder, [], [])
    trainer.fit(module, datamodule=data)
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def test_the_loss_is_the_mean_over_slices() -> None:
    logits, truth = torch.tensor([[0.3], [-1.2], [2.0]]), torch.tensor([True, False, True])
    by_hand = -(torch.sigmoid(logits[[0, 2]]).log().sum() + torch.sigmoid(-logits[1]).log().sum()) / 3
    assert float(slice_loss(BCE(), logits, truth)) == pytest.approx(float(by_hand))


def test_an_overlap_loss_is_refused_and_the_right_ones_are_named(data: DataModule) -> None:
    with pytest.raises(UserError, match=r"Dice measures the overlap of masks.*loss=bce"):
        module_of(data, Tiny(), Dice())
    module_of(data, Tiny(), Focal(gamma=2.0, alpha=None))


def test_validation_metrics_equal_scikit_learns(data: DataModule, tmp_path: Path) -> None:
    module = module_of(data, Tiny(), lr=0.0)
    metrics = fit(module, data, tmp_path)
    module.eval()
    scores, truth = [], []
    with torch.inference_mode():
        for batch in data.val_dataloader():
            scores += torch.sigmoid(module(batch["image"], batch["statistics"]))[:, 0].tolist()
            truth += [data.index.slices[i].tumour_pixels > 0 for i in batch["slice"].tolist()]
    predicted = np.array(scores) >= 0.5
    assert metrics["val/auroc"] == pytest.approx(oracle.roc_auc_score(truth, scores))
    assert metrics["val/accuracy"] == pytest.approx(oracle.accuracy_score(truth, predicted))
    assert metrics["val/loss"] == pytest.approx(oracle.log_loss(truth, scores), rel=1e-5)
    assert {"train/loss", "train/accuracy", "train/f1", "train/auroc"} <= set(metrics)


@pytest.mark.filterwarnings("ignore:You are trying to .self.log")  # a step without a trainer
def test_the_tumour_label_of_a_training_slice_follows_its_augmented_mask(data: DataModule) -> None:
    module = module_of(data, Tiny())
    place = next(i for i, one in enumerate(data.index.slices) if one.tumour_pixels > 0)
    batch = {
        "image": torch.zeros(2, 3, 16, 16, dtype=torch.uint8),
        "mask": torch.zeros(2, 1, 16, 16, dtype=torch.uint8),
        "statistics": torch.tensor([0.0, 255.0, 0.0, 255.0]).expand(2, 3, 4),
        "slice": torch.tensor([place, place]),
        "patient": torch.tensor([0, 0]),
    }
    module.training_step(batch, 0)
    module.validation_step(batch, 0)
    assert not torch.cat(truths(module.train_metric)).any(), "the augmented mask is empty"
    assert torch.cat(truths(module.val_metric)).all(), "the slice's own mask is not"


@pytest.mark.filterwarnings("ignore:You are trying to .self.log")  # a step without a trainer
def test_the_grade_label_does_not_depend_on_the_mask(data: DataModule) -> None:
    labels = [i % 2 == 0 for i in range(len(data.index.slices))]
    module = module_of(data, Tiny("grade"), labels=labels)
    batch = {
        "image": torch.zeros(3, 3, 16, 16, dtype=torch.uint8),
        "mask": torch.ones(3, 1, 16, 16, dtype=torch.uint8),
        "statistics": torch.tensor([0.0, 255.0, 0.0, 255.0]).expand(3, 3, 4),
        "slice": torch.tensor([0, 1, 2]),
        "patient": torch.tensor([0, 0, 0]),
    }
    module.training_step(batch, 0)
    assert torch.cat(truths(module.train_metric)).tolist() == [True, False, True]


def test_frozen_parameters_do_not_move_and_the_others_learn(data: DataModule, tmp_path: Path) -> None:
    network = Tiny(frozen=True)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fit(module_of(data, network), data, tmp_path)
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"head.weight", "head.bias"}


def test_the_monitor_is_the_loss_where_validation_has_one_class_alone(data: DataModule, tmp_path: Path) -> None:
    assert module_of(data, Tiny("grade")).monitor == AUROC
    alone = [i not in data.split.val for i in range(len(data.index.slices))]
    module = module_of(data, Tiny("grade"), labels=alone)
    assert module.monitor == LOSS
    metrics = fit(module, data, tmp_path)
    assert np.isnan(metrics["val/auroc"])
    assert np.isfinite(metrics["val/loss"])


def test_a_plateau_of_a_metric_that_is_not_measured_names_those_that_are(data: DataModule, tmp_path: Path) -> None:
    waiting = module_of(data, Tiny(), scheduler=partial(schedulers.plateau, monitor="val/auroc"))
    fit(waiting, data, tmp_path)
    with pytest.raises(UserError, match=r"val/dice is not measured.*scheduler\.monitor=val/auroc"):
        fit(module_of(data, Tiny(), scheduler=schedulers.plateau), data, tmp_path)
    alone = [i not in data.split.val for i in range(len(data.index.slices))]
    with pytest.raises(UserError, match="choose another scheduler"):
        fit(
            module_of(data, Tiny("grade"), labels=alone, scheduler=partial(schedulers.plateau, monitor="val/auroc")),
            data,
            tmp_path,
        )


def test_a_diverged_training_stops_and_names_the_remedies(data: DataModule, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"became (nan|inf) in epoch \d.*optimizer\.lr"):
        fit(module_of(data, Tiny(), lr=1e38), data, tmp_path, "trainer.max_epochs=5")
