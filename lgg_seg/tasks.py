"""The tasks that one command trains for: how a trained network is measured, and where its result goes.

Data, split, augmentation, optimizer, schedule, checkpoints and run folder know nothing of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from omegaconf import DictConfig
from pytorch_lightning.loggers import WandbLogger
from torch import nn

from lgg_seg.data.datamodule import DataModule, PatientVolume
from lgg_seg.evaluation import classification
from lgg_seg.evaluation import segmentation as evaluation
from lgg_seg.evaluation.segmentation import Evaluation, EvaluationSettings, Facts, Subset
from lgg_seg.hardware import Hardware
from lgg_seg.inference.classifier import Classifier
from lgg_seg.inference.segmenter import Segmenter
from lgg_seg.networks.build import target
from lgg_seg.reporting import run_classification as classification_pictures
from lgg_seg.reporting import run_figures as pictures
from lgg_seg.reporting.wandb import classification as wandb_classification
from lgg_seg.reporting.wandb import media as wandb_media
from lgg_seg.runs.folder import RunFolder
from lgg_seg.training import build

Content = dict[str, Any]
"""What stands in `metrics.json`."""


class Predictor(Protocol):
    """A trained network with its preprocessing."""

    @property
    def network(self) -> nn.Module:
        """The network itself."""
        ...


P = TypeVar("P", bound=Predictor)
E = TypeVar("E")


@dataclass(frozen=True)
class Task(Generic[P, E]):
    """The steps from a run's best checkpoint to its numbers, tables and figures, in their order.

    P is a trained network with its preprocessing, E what was measured with it. The functions are described where they
    are defined.
    """

    predictor: Callable[[DictConfig, RunFolder, DataModule, Hardware], P]
    choose_threshold: Callable[[P, Iterable[PatientVolume], int, nn.Module, EvaluationSettings], dict[str, Any]]
    evaluate: Callable[[P, Iterable[PatientVolume], int, nn.Module, float, EvaluationSettings], E]
    result: Callable[[E, Subset, str, dict[str, Any], EvaluationSettings, Facts, dict[str, Any]], Content]
    write: Callable[[RunFolder, str, Content, E, Facts], None]
    draw: Callable[[RunFolder, str, E, DataModule, Content], None]
    publish: Callable[[WandbLogger, RunFolder, Content, E, DataModule], None]


SEGMENTATION: Task[Segmenter, Evaluation] = Task(
    predictor=build.segmenter,
    choose_threshold=evaluation.choose_threshold,
    evaluate=evaluation.evaluate,
    result=evaluation.result,
    write=evaluation.write_evaluation,
    draw=pictures.draw_evaluation,
    publish=wandb_media.publish_result,
)

CLASSIFICATION: Task[Classifier, classification.ClassifierEvaluation] = Task(
    predictor=build.classifier,
    choose_threshold=classification.choose_threshold,
    evaluate=classification.evaluate,
    result=classification.result,
    write=classification.write_evaluation,
    draw=classification_pictures.draw_evaluation,
    publish=wandb_classification.publish_result,
)


def task_of(config: DictConfig) -> Task[Any, Any]:
    """The task of the config's model."""
    return SEGMENTATION if target(config.model) is None else CLASSIFICATION
