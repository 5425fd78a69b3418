"""The objects of a run from its config: the same ones for training it and for restoring it from its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig
from pytorch_lightning import Callback
from pytorch_lightning.loggers import Logger
from torch import nn

from lgg_seg.data.datamodule import DataModule
from lgg_seg.data.preprocess import normalise
from lgg_seg.data.split import Split
from lgg_seg.data.tree.index import Index
from lgg_seg.evaluation import EvaluationSettings
from lgg_seg.inference import Segmenter
from lgg_seg.modules.segmentation import SegmentationModule
from lgg_seg.networks import without_pretrained
from lgg_seg.records.checkpoint import load_weights
from lgg_seg.records.folder import RunFolder
from lgg_seg.utils.instantiate import instantiate, to_plain
from lgg_seg.utils.runtime import Hardware
from lgg_seg.utils.trainer import TrainerSettings


def trainer_settings(config: DictConfig) -> TrainerSettings:
    """How it trains."""
    return cast(TrainerSettings, instantiate(config.trainer, "trainer"))


def evaluation_settings(config: DictConfig) -> EvaluationSettings:
    """How it is tested."""
    return cast(EvaluationSettings, instantiate(config.evaluation, "evaluation"))


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
    source["tree"] = {"_target_": "lgg_seg.data.tree.listing.existing_tree", "_partial_": True}
    return _datamodule(config, source, split or instantiate(config.split, "split"))


def _datamodule(config: DictConfig, source: dict[str, Any], split: Callable[[Index], Split]) -> DataModule:
    parts = {key: instantiate(config[key], key) for key in ("preprocess", "augment", "sampler")}
    return cast(DataModule, instantiate(source, "data", split=split, seed=config.seed, **parts))


def network(config: DictConfig, channels: int, *, pretrained: bool) -> nn.Module:
    """The network; `pretrained=False` where its weights come from a checkpoint, so that nothing is fetched again."""
    node = to_plain(config.model)
    return cast(nn.Module, instantiate(node if pretrained else without_pretrained(node), "model", in_channels=channels))


def loss(config: DictConfig) -> nn.Module:
    """The loss."""
    return cast(nn.Module, instantiate(config.loss, "loss"))


def module(config: DictConfig, data: DataModule, hardware: Hardware, *, pretrained: bool) -> SegmentationModule:
    """The LightningModule."""
    return SegmentationModule(
        network(config, data.preprocess.channel_count, pretrained=pretrained),
        loss(config),
        normalise,
        instantiate(config.optimizer, "optimizer"),
        instantiate(config.scheduler, "scheduler"),
        patients=len(data.index.patients),
        memory_format=hardware.memory_format,
    )


def segmenter(config: DictConfig, folder: RunFolder, data: DataModule, hardware: Hardware) -> Segmenter:
    """The run's network with the weights of its best epoch, ready to measure."""
    trained = network(config, data.preprocess.channel_count, pretrained=False)
    load_weights(trained, folder.best)
    return Segmenter(trained, normalise, hardware, evaluation_settings(config).batch_size)


def callbacks(config: DictConfig) -> list[Callback]:
    """The callbacks, in their order in the config; null switches one off."""
    return [instantiate(node, f"callbacks.{name}") for name, node in config.callbacks.items() if node is not None]


def loggers(config: DictConfig, folder: Path) -> list[Logger]:
    """The loggers, writing into the run's folder."""
    named = config.logger.items()
    return [instantiate(node, f"logger.{name}", save_dir=str(folder)) for name, node in named if node is not None]
