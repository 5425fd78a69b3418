"""Going on with a run: what may change when it does, and the record of what has."""

import logging
import math
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from lgg_seg.config.instantiate import to_plain
from lgg_seg.config.legacy import upgraded
from lgg_seg.data.datamodule import DataModule
from lgg_seg.data.phantom.marker import written_anew
from lgg_seg.errors import UserError, out_of_memory
from lgg_seg.hardware import Hardware
from lgg_seg.messages import counted
from lgg_seg.runs.checkpoint import UnrestorableCheckpointError
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.identity import changed_keys
from lgg_seg.runs.provenance import data_differences, hardware_metadata
from lgg_seg.training.experiment import Experiment

log = logging.getLogger(__name__)

MAX_KEYS, MAX_VALUE = 5, 100  # keys, and characters of a value, in a sentence


@dataclass(frozen=True)
class Changes:
    """What `resume=` changes in a run's config: how many epochs it has in all, and where its data are now."""

    max_epochs: int | None = None
    root: Path | None = None

    def check(self, folder: RunFolder, config: DictConfig, content: dict[str, Any]) -> None:
        """Refuse a length that would change nothing, or that its schedule cannot follow; `content`: a checkpoint's."""
        done, longer = content["epoch"] + 1, self.max_epochs is not None and self.max_epochs > content["epoch"] + 1
        if folder.read_json("status.json")["state"] == "finished" and not longer:
            raise UserError(
                f"{folder.path} has finished after {counted(done, 'epoch')}; give a larger trainer.max_epochs beside "
                "resume= to train it further, or start a new run."
            )
        if self.max_epochs in (None, config.trainer.max_epochs):
            return
        states = [state for state in content["callbacks"].values() if isinstance(state, dict)]
        if any(one.get("stopped_epoch") or one.get("wait_count", 0) >= one.get("patience", math.inf) for one in states):
            raise UserError(
                f"{folder.path} stopped early after {counted(done, 'epoch')}, because it no longer improved, and "
                "another trainer.max_epochs does not change that; start a new run, for example with a larger "
                "callbacks.early_stopping.patience."
            )
        if config.scheduler["_target_"] == "lgg_seg.schedulers.onecycle":
            raise UserError(
                "scheduler=onecycle is one cycle over all epochs, whose number cannot change on the way; start a new "
                "run with that trainer.max_epochs."
            )

    def apply(self, config: DictConfig) -> None:
        if self.max_epochs is not None:
            config.trainer.max_epochs = self.max_epochs
        if self.root is not None:
            config.data.root = str(self.root.absolute())

    def record(self, folder: RunFolder, config: DictConfig, overrides: Sequence[str]) -> None:
        """Write the changed config, the overrides that make it, and the planned epochs in turn into the provenance."""
        given = {"trainer.max_epochs": self.max_epochs, "data.root": self.root and config.data.root}
        changed = {key: value for key, value in given.items() if value is not None}
        if not changed:
            return
        before = folder.read_config()[0].trainer.max_epochs
        if self.max_epochs not in (None, before):
            provenance = folder.read_json("provenance.json")
            lengths = [*provenance.get("max_epochs", [before]), self.max_epochs]
            folder.write_json("provenance.json", provenance | {"max_epochs": lengths})
        kept = [word for word in overrides if word.partition("=")[0] not in changed]
        folder.write_config(config, [*kept, *(f"{key}={value}" for key, value in changed.items())])


def record_hardware(folder: RunFolder, hardware: Hardware) -> None:
    """Add to the provenance what a resumed run goes on with, where that is not what it had before."""
    provenance = folder.read_json("provenance.json")
    now = {"hardware": hardware_metadata(hardware), "precision": hardware.precision}
    resumed_on = provenance.get("resumed_on", [])
    if now != (resumed_on or [{key: provenance.get(key) for key in now}])[-1]:
        folder.write_json("provenance.json", provenance | {"resumed_on": [*resumed_on, now]})


@dataclass(frozen=True)
class Resumption:
    """What a run goes on from: a checkpoint, and the data that it was started on."""

    checkpoint: Path
    data: DataModule
    changes: Changes


@contextmanager
def restoring(checkpoint: Path | None) -> Iterator[None]:
    """What Lightning or a callback refuses while it restores a `checkpoint` becomes an UnrestorableCheckpointError."""
    try:
        yield
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        frames = traceback.extract_tb(error.__traceback__)
        restores = any("checkpoint_connector" in one.filename and one.name.startswith("restore") for one in frames)
        if checkpoint is None or not restores or out_of_memory(error):
            raise
        said = _short(" ".join(str(error).split()) or type(error).__name__)
        raise UnrestorableCheckpointError(checkpoint, said) from error


def require_same_config(content: dict[str, Any], config: DictConfig, folder: RunFolder) -> None:
    """Refuse to go on with another config than that of the checkpoint; older checkpoints hold none."""
    if "config" not in content:
        return
    try:
        before = to_plain(upgraded(content["config"]))
    except (OmegaConfBaseException, RecursionError) as error:
        raise UserError(f"The config in the checkpoint of {folder.path} is damaged ({error}).") from error
    if changed := changed_keys(before, to_plain(config)):
        keys = [f"{key} was {_short(old)}, is {_short(new)}" for key, (old, new) in changed.items()]
        listed = "; ".join([*keys[:MAX_KEYS], *([f"and {len(keys) - MAX_KEYS} more"] if keys[MAX_KEYS:] else [])])
        raise UserError(
            f"{folder.path / 'config.yaml'} is not what the run was trained with so far: {listed}. Put it back, or "
            "start a new run with it. Of the training, only its length, the device and what is watched may change."
        )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"


def same_data(experiment: Experiment, folder: RunFolder) -> DataModule:
    """The data that the run was started on, ready to train on."""
    data = experiment.ready_data(goes_on=True)
    if changed := data_differences(folder.read_json("provenance.json"), data.index, data.split):
        remedy = "Restore the dataset that it was trained on, or start a new run"
        if written_anew(data.index.root):
            remedy = "Its phantom was written by another version of lgg_seg, or changed: start a new run"
        raise UserError(f"{folder.path} was started on other data or another split than these: {changed}. {remedy}.")
    return data
