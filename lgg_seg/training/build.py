"""The objects of a run from its config: the same ones for training it and for restoring it from its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig
from pytorch_lightning import Callback
from pytorch_lightning.loggers import Logger
from torch import nn

from lgg_seg.config.instantiate import instantiate, to_plain
from lgg_seg.data.datamodule import DataModule
from lgg_seg.data.kaggle.index import Index
from lgg_seg.data.labels import labelled, require_both_classes, slice_labels
from lgg_seg.data.preprocessing import normalise
from lgg_seg.data.splits.split import Split
from lgg_seg.errors import UserError
from lgg_seg.evaluation.segmentation import EvaluationSettings
from lgg_seg.hardware import Hardware
from lgg_seg.inference.classifier import Classifier
from lgg_seg.inference.segmenter import Segmenter
from lgg_seg.networks import SliceClassifier
from lgg_seg.networks.build import network, target
from lgg_seg.runs.checkpoint import load_weights
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.monitor import DICE, OF_SEGMENTATION
from lgg_seg.training import ClassificationModule, SegmentationModule
from lgg_seg.training.classification import require_slice_loss
from lgg_seg.training.trainer import TrainerSettings


def trainer_settings(config: DictConfig) -> TrainerSettings:
    """How it trains."""
    return cast(TrainerSettings, instantiate(config.trainer, "trainer"))


def evaluation_settings(config: DictConfig) -> EvaluationSettings:
    """How it is tested."""
    return cast(EvaluationSettings, instantiate(config.evaluation, "evaluation"))


def require_coherent(config: DictConfig) -> None:
    """Refuse, before any work is done, members of groups that do not go together.

    Raises:
        UserError: a classifier with a loss, a post-processing, a monitor or a batch that only masks have a use for.
    """
    if target(config.model) is None:
        return
    require_slice_loss(loss(config))
    if evaluation_settings(config).postprocess != "none":
        raise UserError("A classifier makes no masks that could be post-processed; take evaluation.postprocess=none.")
    if trainer_settings(config).monitor is not None:
        raise UserError("A classifier's best epoch is chosen by its ROC area; take trainer.monitor=null.")
    if config.data.batch_size < 2:
        raise UserError("The classifier's batch norm needs two slices or more at once; take data.batch_size=2 or more.")


def datamodule(config: DictConfig) -> DataModule:
    """The data to train on."""
    return _datamodule(config, to_plain(config.data), instantiate(config.split, "split"))


def existing_data(config: DictConfig, root: Path | None, split: Callable[[Index], Split] | None) -> DataModule:
    """The data to measure a trained run on; `root` and `split` put another tree or another split in their place.

    Nothing is downloaded or drawn for it.
    """
    source = to_plain(config.data) | ({"root": str(root)} if root else {})
    if split is not None:
        source["train_patients"] = None
    source["tree"] = {"_target_": "lgg_seg.data.existing_tree", "_partial_": True}
    return _datamodule(config, source, split or instantiate(config.split, "split"))


def _datamodule(config: DictConfig, source: dict[str, Any], split: Callable[[Index], Split]) -> DataModule:
    parts = {key: instantiate(config[key], key) for key in ("preprocess", "augment", "sampler")}
    if (asked := target(config.model)) is not None:
        split = labelled(split, asked)
    return cast(DataModule, instantiate(source, "data", split=split, seed=config.seed, **parts))


def loss(config: DictConfig) -> nn.Module:
    """The loss."""
    return cast(nn.Module, instantiate(config.loss, "loss"))


def module(
    config: DictConfig, data: DataModule, hardware: Hardware, *, pretrained: bool
) -> SegmentationModule | ClassificationModule:
    """The LightningModule.

    Raises:
        UserError: for a classifier, training slices of one class alone.
    """
    asked = target(config.model)
    parts = (
        network(config.model, data.preprocess.channel_count, pretrained=pretrained),
        loss(config),
        normalise,
        instantiate(config.optimizer, "optimizer"),
        instantiate(config.scheduler, "scheduler"),
    )
    if asked is None:
        return SegmentationModule(
            *parts,
            patients=len(data.index.patients),
            memory_format=hardware.memory_format,
            monitor=OF_SEGMENTATION[trainer_settings(config).monitor or DICE.column],
        )
    labels = slice_labels(data.index, asked)
    require_both_classes(labels, data.split.train, asked)
    limit = config.trainer.limit_batches
    return ClassificationModule(
        *cast(tuple[SliceClassifier, Any, Any, Any, Any], parts),
        labels=[bool(label) for label in labels],  # those without one are in no subset of the split
        validated=data.split.val[: limit * data.batch_size] if limit else data.split.val,
        memory_format=hardware.memory_format,
    )


def segmenter(config: DictConfig, folder: RunFolder, data: DataModule, hardware: Hardware) -> Segmenter:
    """The run's network with the weights of its best epoch, ready to measure.

    Raises:
        UserError: it is a classifier, which makes no masks.
    """
    if target(config.model) is not None:
        raise UserError(f"{folder.path} is a run of a classifier, which makes no masks; give one of a segmentation.")
    return Segmenter(_trained(config, folder, data), normalise, hardware, evaluation_settings(config).batch_size)


def classifier(config: DictConfig, folder: RunFolder, data: DataModule, hardware: Hardware) -> Classifier:
    """The run's classifier with the weights of its best epoch and the data's true answers, ready to measure."""
    trained = cast(SliceClassifier, _trained(config, folder, data))
    labels = slice_labels(data.index, trained.target)
    return Classifier(trained, normalise, hardware, evaluation_settings(config).batch_size, labels)


def _trained(config: DictConfig, folder: RunFolder, data: DataModule) -> nn.Module:
    trained = network(config.model, data.preprocess.channel_count, pretrained=False)
    load_weights(trained, folder.best)
    return trained


def callbacks(config: DictConfig) -> list[Callback]:
    """The callbacks, in their order in the config; null switches one off."""
    return [instantiate(node, f"callbacks.{name}") for name, node in config.callbacks.items() if node is not None]


def loggers(config: DictConfig, folder: Path) -> list[Logger]:
    """The loggers, writing into the run's folder."""
    named = config.logger.items()
    return [instantiate(node, f"logger.{name}", save_dir=str(folder)) for name, node in named if node is not None]
