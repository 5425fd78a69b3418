"""A trained network to be measured: of a run's folder, or of the zoo."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from omegaconf import OmegaConf

from lgg_seg.config.overrides import compose_config
from lgg_seg.data.datamodule import DataModule
from lgg_seg.errors import UserError
from lgg_seg.hardware import Hardware
from lgg_seg.inference.runner import TorchRunner
from lgg_seg.inference.trained import TrainedModel, from_zoo, tested_threshold
from lgg_seg.inference.zoo import read_card
from lgg_seg.runs.folder import RunFolder
from lgg_seg.training.experiment import Experiment


@dataclass(frozen=True)
class MeasuredNetwork:
    """A run to measure, or the default experiment with a zoo entry's network, preprocessing and decision rule."""

    name: str  # of the run's folder, or of the zoo entry
    experiment: Experiment
    provenance: Mapping[str, Any]  # a run's `provenance.json`, or a card's `training`
    results: Path  # the folder below which the results are written
    tested: Mapping[str, Any]  # the content of `metrics.json`; empty without one
    source: RunFolder | TrainedModel  # where the weights are

    @classmethod
    def of_run(cls, path: Path) -> Self:
        folder = RunFolder(path)
        config, _ = folder.read_checked_config()
        provenance = folder.read_json("provenance.json")
        tested = folder.read_json("metrics.json", missing_ok=True)
        return cls(path.name, Experiment.of(config), provenance, folder.path / "evaluations", tested, folder)

    @classmethod
    def of_zoo(cls, name: str) -> Self:
        """A network of the zoo, whose training set is no subset of any data set here."""
        trained = from_zoo(name)
        card = read_card(trained.source_dir)
        config = compose_config()
        for node, content in trained.config.items():
            OmegaConf.update(config, node, content, merge=False, force_add=True)
        rule = {"fixed_threshold": trained.threshold, "postprocess": trained.postprocess, "tta": trained.tta}
        for key, value in rule.items():
            OmegaConf.update(config, f"evaluation.{key}", value)
        experiment = Experiment.of(config)
        return cls(trained.name, experiment, card["training"], Path("evaluations") / trained.name, {}, trained)

    @property
    def has_split(self) -> bool:
        """Whether the test, validation and training patients of a data set are known."""
        return isinstance(self.source, RunFolder)

    def threshold(self) -> dict[str, Any]:
        """The threshold that it was tested with, and where it comes from."""
        if isinstance(self.source, RunFolder):
            return tested_threshold(self.source, self.experiment.evaluation)
        return {"value": self.source.threshold, "from": "fixed"}

    def runner(self, data: DataModule, hardware: Hardware) -> TorchRunner:
        if isinstance(self.source, RunFolder):
            return self.experiment.runner(self.source, data, hardware)
        return TorchRunner(self.source.network, hardware, self.experiment.evaluation.batch_size)

    def require(self, subset: str, data_root: Path | None) -> None:
        """Refuse a zoo entry without a data set, or with one of the subsets that only a run knows."""
        if self.has_split:
            return
        if data_root is None:
            raise UserError(f"zoo={self.name} needs data.root=FOLDER, the patients to measure it on.")
        if subset not in ("test", "all"):
            raise UserError(f"split={subset} is of a run's own data; zoo={self.name} is measured on all of data.root.")
