"""A training step by hand, and what a tiny real training does with clipping, accumulation, freezing and divergence."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from lgg_seg import schedulers
from lgg_seg.config.groups import groups
from lgg_seg.config.instantiate import instantiate
from lgg_seg.data.datamodule import DataModule
from lgg_seg.errors import UserError
from lgg_seg.losses import BCE, BCEDice
from lgg_seg.networks import UNetPlusPlus
from lgg_seg.networks.build import build_network
from lgg_seg.training import SegmentationModule
from lgg_seg.training.base import Batch, Parts
from lgg_seg.training.experiment import Experiment
from tests.configs import composed


@pytest.fixture(scope="module")
def data(phantom_root: Path) -> DataModule:
    """Slices of 16 x 16 pixels as they are; 8 training patients with 6 slices, in batches of 8."""
    overrides = ["preprocess.size=16", "augment=none", "data.batch_size=8", "split.val=2", "split.test=2"]
    module = Experiment.of(composed(*overrides)).existing_data(phantom_root)
    module.prepare_data()
    module.setup("fit")
    return module


class Plain(nn.Module):
    """Without batch norm, so that a gradient does not depend on what else is in the batch."""

    def __init__(self, frozen: bool = False) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 1, 1)
        self.stem.requires_grad_(not frozen)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(torch.relu(self.stem(x)))
        return out


def module_of(network: nn.Module, lr: float = 1.0, weight_decay: float = 0.0) -> SegmentationModule:
    optimizer = partial(SGD, lr=lr, weight_decay=weight_decay)
    return SegmentationModule(Parts(network, BCE(), optimizer, schedulers.none), patients=12)


def weights(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def fit(module: SegmentationModule, data: DataModule, folder: Path, *overrides: str, batch_size: int = 8) -> Tensor:
    """Train for real; the change of every weight, in one row."""
    config = composed("trainer=debug", "trainer.enable_progress_bar=false", "trainer.max_epochs=1", *overrides)
    settings = Experiment.of(config).trainer
    before = weights(module)
    trainer = settings.build(settings.prepare(), folder, [], [])
    data.batch_size = batch_size
    trainer.fit(module, datamodule=data)
    return weights(module) - before


def network(frozen: bool = False) -> Plain:
    torch.manual_seed(0)
    return Plain(frozen)


@pytest.mark.filterwarnings("ignore:You are trying to .self.log")  # a step without a trainer
def test_deep_supervision_averages_the_losses_of_the_four_heads() -> None:
    torch.manual_seed(0)
    loss = BCEDice(1.0, 1.0)
    net = UNetPlusPlus(filters=2).train()
    module = SegmentationModule(Parts(net, loss, partial(SGD, lr=1.0), schedulers.none), patients=2)
    batch = {
        "image": torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8),
        "mask": torch.randint(0, 2, (2, 1, 32, 32), dtype=torch.uint8),
        "statistics": torch.tensor([10.0, 250.0, 120.0, 60.0]).expand(2, 3, 4),
        "patient": torch.tensor([0, 1]),
        "slice": torch.tensor([0, 1]),
    }
    outputs = net((batch["image"].float().clamp(10, 250) - 120) / 60)
    assert len(outputs) == 4
    one_by_one = [float(loss(logits, batch["mask"].float()).detach()) for logits in outputs]
    assert len(set(one_by_one)) == 4
    assert float(module.training_step(batch, 0).detach()) == pytest.approx(sum(one_by_one) / 4)


@pytest.mark.parametrize("optimizer", groups()["optimizer"])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_every_optimizer_takes_clipped_gradients_in_every_precision(
    optimizer: str, precision: str, data: DataModule, tmp_path: Path
) -> None:
    config = composed(f"optimizer={optimizer}")
    parts = Parts(network(), BCE(), instantiate(config.optimizer, "optimizer"), schedulers.none)
    module = SegmentationModule(parts, patients=12)
    overrides = ("trainer.limit_train_batches=1", "trainer.gradient_clip_val=1.0", f"trainer.precision={precision}")
    moved = fit(module, data, tmp_path, *overrides)
    assert moved.isfinite().all()
    assert moved.abs().max() > 0


def test_a_clipped_gradient_moves_the_weights_by_the_clip_times_the_rate(data: DataModule, tmp_path: Path) -> None:
    free = fit(module_of(network()), data, tmp_path, "trainer.limit_train_batches=1").norm()
    clip = float(free) / 100
    clipped = fit(
        module_of(network()), data, tmp_path, "trainer.limit_train_batches=1", f"trainer.gradient_clip_val={clip}"
    )
    assert float(clipped.norm()) == pytest.approx(clip, rel=1e-3)


def test_two_accumulated_batches_are_one_of_twice_the_size(data: DataModule, tmp_path: Path) -> None:
    accumulated, whole = module_of(network()), module_of(network())
    fit(accumulated, data, tmp_path, "trainer.limit_train_batches=2", "trainer.accumulate_grad_batches=2", batch_size=8)
    fit(whole, data, tmp_path, "trainer.limit_train_batches=1", batch_size=16)
    apart = module_of(network())
    fit(apart, data, tmp_path, "trainer.limit_train_batches=2", batch_size=8)
    assert (accumulated.global_step, whole.global_step, apart.global_step) == (1, 1, 2)
    for name, weight in whole.state_dict().items():
        torch.testing.assert_close(accumulated.state_dict()[name], weight, rtol=1e-5, atol=1e-6)
    heads = [one.network.get_parameter("head.weight") for one in (apart, whole)]
    assert not torch.allclose(heads[0], heads[1], rtol=1e-3)


class Recorded(SegmentationModule):
    """Keeps an epoch's batches, and the last step's gradient."""

    batches: list[Batch]

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        self.batches = [*(self.batches if batch_idx else []), batch]

    def on_before_optimizer_step(self, _: Any) -> None:
        self.gradient = gradient(self)


def gradient(module: nn.Module) -> Tensor:
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


@pytest.mark.parametrize(("batches", "window"), [(3, 2), (5, 3), (5, 4), (4, 2)])
def test_an_epochs_last_and_shorter_window_weighs_as_one_large_batch(
    batches: int, window: int, data: DataModule, tmp_path: Path
) -> None:
    module = Recorded(Parts(network(), BCE(), partial(SGD, lr=0.0), schedulers.none), patients=12)
    limits = f"trainer.limit_train_batches={batches}", f"trainer.accumulate_grad_batches={window}"
    fit(module, data, tmp_path, *limits)
    last = module.batches[-(batches % window or window) :]
    module.zero_grad()
    module.training_loss({key: torch.cat([batch[key] for batch in last]) for key in last[0]})[0].backward()
    torch.testing.assert_close(module.gradient, gradient(module))
    assert float(module.gradient.norm()) > 0


def test_more_accumulated_batches_than_an_epoch_has_are_refused(data: DataModule, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"accumulate_grad_batches=3, but an epoch has 2 batches"):
        fit(module_of(network()), data, tmp_path, "trainer.limit_train_batches=2", "trainer.accumulate_grad_batches=3")


def test_frozen_parameters_are_not_in_the_optimizer_and_do_not_decay(data: DataModule, tmp_path: Path) -> None:
    module = module_of(network(frozen=True), lr=0.1, weight_decay=0.5)
    before = module.network.get_parameter("stem.weight").detach().clone()
    fit(module, data, tmp_path, "trainer.limit_train_batches=2")
    optimizer = module.optimizers()
    given = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert given == {id(p) for p in module.network.get_submodule("head").parameters()}
    assert torch.equal(module.network.get_parameter("stem.weight"), before)


def test_a_diverged_training_stops_and_names_the_remedies(data: DataModule, tmp_path: Path) -> None:
    for lr, batches, says in (
        (1e38, 3, r"training loss became (nan|inf) in epoch 1, step \d, on TCGA\S+/\d"),
        (1e38, 1, "sum of the weights became"),
        (1e30, 1, "validation loss became nan in epoch 1;"),  # the weights are finite, what they make is not
    ):
        with pytest.raises(UserError, match=rf"{says}.*optimizer\.lr"):
            fit(module_of(network(), lr=lr), data, tmp_path, f"trainer.limit_train_batches={batches}")
    assert not list(tmp_path.rglob("*.ckpt")), "no weights are kept of an epoch that diverged"


def test_losses_that_are_checked_some_steps_later_name_the_step_all_the_same(data: DataModule, tmp_path: Path) -> None:
    """As on a GPU; the slices are those of the step in which the loss became infinite, in the middle of the epoch."""

    class Late(SegmentationModule):
        @property
        def steps_unchecked(self) -> int:
            return 50

    def fitted(kind: type[SegmentationModule]) -> str:
        parts = Parts(network(), BCE(), partial(SGD, lr=1e38), schedulers.none)
        with pytest.raises(UserError) as caught:
            fit(kind(parts, patients=12), data, tmp_path, "trainer.limit_train_batches=5")
        return str(caught.value)

    assert fitted(Late) == fitted(SegmentationModule)


def test_validation_dice_is_on_the_native_grid(data: DataModule, tmp_path: Path) -> None:
    """A network that predicts tumour everywhere: 64 x 64 pixels of each slice against the untouched masks."""
    net = network()
    nn.init.zeros_(net.head.weight)
    nn.init.constant_(net.get_parameter("head.bias"), 20.0)
    module = module_of(net, lr=0.0)
    fit(module, data, tmp_path, "trainer.limit_train_batches=3")
    by_hand = []
    for name in data.split.patients(data.index, "val"):
        patient = next(p for p in data.index.patients if p.name == name)
        tumour = sum(s.tumour_pixels for s in patient.slices)
        by_hand.append(2 * tumour / (tumour + 6 * 64 * 64))
    metrics = module.trainer.callback_metrics
    assert float(metrics["val/dice"]) == pytest.approx(sum(by_hand) / 2)
    assert float(metrics["val/iou"]) < float(metrics["val/dice"])


def test_the_whole_module_comes_from_a_config(data: DataModule, tmp_path: Path) -> None:
    overrides = ["model=unet_slim", "model.alpha=0.0625", "optimizer=sgd", "scheduler=onecycle", "trainer=debug"]
    config = composed(*overrides, "optimizer.lr=0.5", "optimizer.weight_decay=0.0")
    hardware = Experiment.of(config).trainer.prepare()
    torch.manual_seed(0)
    module = Experiment.of(config).module(build_network(config.model, 3), data, hardware)
    assert isinstance(module.loss, type(instantiate(config.loss, "loss")))
    change = fit(module, data, tmp_path, "trainer.max_epochs=2", "trainer.limit_train_batches=2")
    assert change.abs().max() > 0
    assert module.optimizers().param_groups[0]["lr"] == pytest.approx(0.5 / 25 / 1e4)
