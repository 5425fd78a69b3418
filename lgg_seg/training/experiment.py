"""The objects of a run, built once from its config, for training as for measuring; and the test of its best epoch."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

from omegaconf import DictConfig
from pytorch_lightning import Callback
from pytorch_lightning.loggers import Logger
from torch import nn

from lgg_seg.config.instantiate import instantiate, to_plain
from lgg_seg.data.datamodule import DataModule
from lgg_seg.data.kaggle.index import Index
from lgg_seg.data.labels import labelled, require_both_classes, slice_labels
from lgg_seg.data.splits.split import SUBSETS, Split
from lgg_seg.errors import UserError
from lgg_seg.evaluation import Evaluation, EvaluationSettings
from lgg_seg.evaluation.subsets import choose_threshold, evaluate
from lgg_seg.hardware import Hardware, peak_memory_bytes
from lgg_seg.inference.runner import TorchRunner
from lgg_seg.inference.trained import starting_weights
from lgg_seg.networks.build import build_network, target_of
from lgg_seg.networks.classifier import Target
from lgg_seg.reporting.run_figures import draw_evaluation
from lgg_seg.runs.checkpoint import load_weights
from lgg_seg.runs.cost import network_cost
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.monitor import DICE, LAST, SEGMENTATION_MONITORS
from lgg_seg.training.base import Parts
from lgg_seg.training.callbacks import EarlyStopping, History
from lgg_seg.training.checkpoints import RecordedConfig, checkpoints
from lgg_seg.training.classification import ClassificationModule, loss_fault
from lgg_seg.training.depthwise import depthwise_in_float32
from lgg_seg.training.dry_run import dry_run
from lgg_seg.training.epoch_lines import EpochLines
from lgg_seg.training.graceful_stop import GracefulStop
from lgg_seg.training.segmentation import SegmentationModule
from lgg_seg.training.trainer import TrainerSettings
from lgg_seg.training.validation_images import ValidationImages

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Experiment:
    """The settings of a run, and what is built from them; `target` is what a classifier predicts of a slice."""

    config: DictConfig
    target: Target | None
    trainer: TrainerSettings
    evaluation: EvaluationSettings
    loss: nn.Module

    @classmethod
    def of(cls, config: DictConfig) -> Self:
        """The experiment of a config, whose groups go together."""
        built = (instantiate(config[group], group) for group in ("trainer", "evaluation", "loss"))
        return cls(config, target_of(config.model), *built)

    def __post_init__(self) -> None:
        """Refuse what a classifier has no use for."""
        if self.target is None:
            return
        faults = [loss_fault(self.loss)]
        if self.evaluation.postprocess != "none" or self.evaluation.tta:
            remedy = "take evaluation.postprocess=none and evaluation.tta=false"
            faults.append(f"it has no masks to post-process or to average: {remedy}")
        if self.trainer.monitor is not None:
            faults.append("its best epoch is chosen by its AUROC: take trainer.monitor=null")
        if self.config.data.batch_size < 2:
            faults.append("its batch norm needs 2 slices or more: take data.batch_size=2 or more")
        if clauses := [fault for fault in faults if fault]:
            raise UserError(f"The network is a classifier, and {'; and '.join(clauses)}.")

    def data(self) -> DataModule:
        return self._data(to_plain(self.config.data), self._instantiate("split"))

    def ready_data(self, *, goes_on: bool = False) -> DataModule:
        """`data`: fetched, indexed, split and cached.

        Those of a run that `goes_on` are as of `existing_data`, but a phantom is drawn again where it is gone.
        """
        is_there = goes_on and self.config.data.tree["_target_"] != "lgg_seg.data.write_phantom"
        data = self.existing_data() if is_there else self.data()
        data.prepare_data()
        data.setup("fit")
        if data.split.training_only:
            if self.evaluation.threshold == "validation":
                raise UserError(
                    "The split leaves no patients for evaluation.threshold=validation; take evaluation.threshold=fixed."
                )
            return data
        for subset in ("val", "test"):
            if not data.split.slices(subset):
                file = self.config.split.get("file")
                remedy = f"give some to it in {file}" if file else f"give split.{subset} a share or a number of them"
                raise UserError(
                    f"The split leaves no {subset} patients; {remedy}, or take split=everyone to train without any "
                    "validation and test."
                )
        return data

    def existing_data(
        self, root: Path | None = None, split: Callable[[Index], Split] | None = None, mask_threshold: int | None = None
    ) -> DataModule:
        """The run's data, but for what is given, to measure a network on: nothing is downloaded or generated."""
        given = {"root": str(root) if root else None, "mask_threshold": mask_threshold}
        source = to_plain(self.config.data) | {key: value for key, value in given.items() if value is not None}
        if split is not None:
            source["train_patients"] = None
        source["tree"] = {"_target_": "lgg_seg.data.existing_tree", "_partial_": True}
        return self._data(source, split or self._instantiate("split"))

    def _data(self, source: dict[str, Any], split: Callable[[Index], Split]) -> DataModule:
        parts = {key: self._instantiate(key) for key in ("preprocess", "augment", "sampler")}
        if self.target is not None:
            split = labelled(split, self.target)
        return cast(DataModule, instantiate(source, "data", split=split, seed=self.config.seed, **parts))

    def dry_run(self, network: nn.Module, data: DataModule) -> bool:
        """`dry_run` on a batch as the training's, but for no more than two slices."""
        batch, *image = data.training_shape(self.trainer.processes)
        batch = min(2, batch)
        logits = (batch, 1, *(image[1:] if self.target is None else ()))
        return dry_run(network, (batch, *image), logits, backward=self.trainer.is_distributed)

    def module(
        self, network: nn.Module, data: DataModule, hardware: Hardware
    ) -> SegmentationModule | ClassificationModule:
        """The LightningModule of a network, whose size is logged."""
        depthwise_in_float32(network, hardware)
        if self.trainer.compile:
            network.compile()  # in place: `torch.compile` would give the parameters of a checkpoint a prefix
        patients = " / ".join(str(data.patient_count(subset)) for subset in SUBSETS)
        parameters = f"{sum(p.numel() for p in network.parameters() if p.requires_grad):,} trainable parameters"
        what = f"patients {patients} (train / val / test, {data.split.protocol}), {parameters}"
        log.info("%s, %s, %s", what, hardware.device.type, hardware.precision)
        scheduler = self._instantiate("scheduler")
        parts = Parts(network, self.loss, self._optimizer(hardware), scheduler, hardware.memory_format)
        if self.target is None:
            monitor = SEGMENTATION_MONITORS[self.trainer.monitor or DICE.column]
            return SegmentationModule(parts, len(data.index.patients), LAST if data.split.training_only else monitor)
        labels = slice_labels(data.index, self.target)
        require_both_classes(labels, data.split.train, self.target)
        limit = self.trainer.lightning["limit_val_batches"]
        validated = data.split.val[: limit * data.batch_size] if limit else data.split.val
        # Slices without a label are in no subset of the split.
        return ClassificationModule(parts, [bool(label) for label in labels], validated)

    def _optimizer(self, hardware: Hardware) -> Any:
        """Not fused where float16's scaled gradients are clipped: a fused optimizer unscales them too late."""
        clips = self.trainer.lightning.get("gradient_clip_val") is not None and hardware.precision == "16-mixed"
        changed = {"fused": False} if clips and self.config.optimizer.get("fused") else {}
        return instantiate(to_plain(self.config.optimizer) | changed, "optimizer")

    @property
    def title(self) -> str:
        """What the run is called above its figures."""
        return f"{self.config.name}, seed {self.config.seed}"

    def runner(self, folder: RunFolder, data: DataModule, hardware: Hardware) -> TorchRunner:
        """The network with the weights of the run's best epoch, ready to measure."""
        trained = build_network(self.config.model, data.preprocess.channel_count)
        load_weights(trained, folder.best)
        return TorchRunner(trained, hardware, self.evaluation.batch_size)

    def test(
        self, folder: RunFolder, data: DataModule, hardware: Hardware, train_seconds: float
    ) -> tuple[dict[str, Any], Evaluation]:
        """Measure the best epoch on the evaluation's subset of patients; write numbers, tables and figures.

        Returns:
            the content of `metrics.json`, and what it was made from.
        """
        runner = self.runner(folder, data, hardware)
        threshold = choose_threshold(runner, data, self.loss, self.evaluation)
        evaluation = evaluate(runner, data, self.evaluation.subset, self.loss, threshold["value"], self.evaluation)
        cost = {
            **network_cost(runner.network, data.preprocess.channel_count, data.cache.images.shape[1:3], hardware),
            "checkpoint_bytes": folder.best.stat().st_size,
            "train_seconds": train_seconds,
            "peak_memory_bytes": peak_memory_bytes(hardware.device),
        }
        content = evaluation.result(self.evaluation.subset, data.split.protocol, threshold, self.evaluation, cost)
        if seen := starting_weights(folder.read_json("provenance.json"))["seen"][self.evaluation.subset]:
            content["seen_patients"] = len(seen)
        evaluation.write(folder, content)
        draw_evaluation(evaluation, folder, data, content, self.title)
        return content, evaluation

    def callbacks(self, folder: RunFolder, split: Split, history: History, stop: GracefulStop) -> list[Callback]:
        """The config's callbacks among the run's own, in the order in which Lightning calls them."""
        members = self._members("callbacks")
        every, within = self.trainer.validated_every, self.trainer.validates_within_epochs
        if split.training_only:
            log.info("no patient is left to validate: no early stopping, no validation images; the last epoch is kept")
            members = [one for one in members if not isinstance(one, EarlyStopping | ValidationImages)]
            every, within = 1, False
        kept = [
            RecordedConfig(to_plain(self.config)),
            *checkpoints(folder, history.monitor, every, within_epochs=within),
        ]
        return [history, EpochLines(history), *members, *kept, stop]

    def loggers(self, folder: Path) -> list[Logger]:
        loggers: list[Logger] = self._members("logger", save_dir=str(folder))
        for one in loggers:
            if one.log_dir is not None and not Path(one.log_dir).resolve().is_relative_to(folder.resolve()):
                outside = f"a logger would write to {one.log_dir}, outside the run's folder"
                raise UserError(f"{outside}; name it without a path.")
        return loggers

    def _instantiate(self, group: str) -> Any:
        return instantiate(self.config[group], group)

    def _members(self, group: str, **arguments: Any) -> list[Any]:
        """The objects of a group that holds several; null switches one off."""
        nodes = self.config[group].items()
        return [instantiate(node, f"{group}.{name}", **arguments) for name, node in nodes if node is not None]
