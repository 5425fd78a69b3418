"""The checkpoints of a run: what they hold beside Lightning's own, and how they reach the disk."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.plugins.io import TorchCheckpointIO
from pytorch_lightning.callbacks import Checkpoint, ModelCheckpoint
from torch import nn

from lgg_seg.errors import require
from lgg_seg.files import replacing, require_space, writable
from lgg_seg.runs.checkpoint import write_checkpoint
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.monitor import Monitor
from lgg_seg.training.validation_images import ValidationImages


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes beside the target and renames; Lightning's own, killed, can leave half a checkpoint for a whole one."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        target = Path(path)
        with writable(target, "free some space there."), replacing(target) as partial_:
            write_checkpoint(checkpoint, partial_)


def require_space_for_checkpoints(
    folder: RunFolder, network: nn.Module, callbacks: Sequence[pl.Callback] = (), epochs: int = 0
) -> None:
    """Refuse to train where the best and the last checkpoint, one being written, and `EpochCheckpoints` would not fit.

    Each has the weights and, as for Adam, two numbers more for every trainable one. Those that are there are replaced.
    """
    parameters = list(network.parameters())
    size = sum((1 + 2 * p.requires_grad) * p.numel() * p.element_size() for p in parameters)
    more = sum(epochs // each.interval for each in callbacks if isinstance(each, EpochCheckpoints))
    there = sum(1 for _ in folder.checkpoints.glob("*.ckpt"))
    needed = max(1, 3 + more - there) * size
    require_space(folder.path, needed, "the set of the run's checkpoints", folder.remedy)


class RecordedConfig(pl.Callback):
    """Puts the run's config into its checkpoints, with which a resumed run's is compared."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = dict(config)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["config"] = self.config

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Refuse one without the state of a callback, which would begin anew in silence; what only watches may."""
        for one in trainer.callbacks:  # type: ignore[attr-defined]  # Lightning's trainer has them
            watches = isinstance(one, EpochCheckpoints | ValidationImages)
            if not watches and one.state_dict() and one.state_key not in checkpoint["callbacks"]:
                raise ValueError(f"it has no state of {type(one).__name__}")


class KeptCheckpoint(ModelCheckpoint):
    """One file, overwritten after every epoch that is to be kept; a run's folder may be moved in between.

    Lightning remembers absolute paths, and forgets which epoch was best where the folder has another place.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state of a resumed run, its paths as they are now."""
        here = str(self.dirpath)

        def moved(path: str) -> str:
            return str(Path(here) / Path(path).name) if path else path

        paths = {key: moved(state_dict[key]) for key in ("best_model_path", "kth_best_model_path", "last_model_path")}
        best = {moved(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state_dict, **paths, "best_k_models": best, "dirpath": here})


class ValidatedCheckpoint(Checkpoint):
    """Saves the training to `path` after every validation, too: within an epoch, a resumed run goes on from there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.save_checkpoint(self.path)


def checkpoints(
    folder: RunFolder, monitor: Monitor, validated_every: int = 1, *, within_epochs: bool = False
) -> list[Checkpoint]:
    """The best epoch's by `monitor`, or validation's `within_epochs`; then the last one's, which holds its state.

    Lightning's own `save_last` writes only when there is a new best.
    """
    keep = partial(KeptCheckpoint, folder.checkpoints, enable_version_counter=False)
    best = keep(
        folder.best.stem,
        monitor=monitor.column,
        mode=monitor.mode,
        every_n_epochs=validated_every,
        save_on_train_epoch_end=not within_epochs,
    )
    last = keep(folder.last.stem, monitor=None, save_on_train_epoch_end=True)
    return [best, last, *([ValidatedCheckpoint(folder.last)] if within_epochs else [])]


class EpochCheckpoints(KeptCheckpoint):
    """The checkpoint of every `every_n_epochs`-th epoch, counted from 1: `checkpoints/epoch_010.ckpt`; all are kept."""

    def __init__(self, every_n_epochs: int) -> None:
        require(every_n_epochs >= 1, "callbacks.epoch_checkpoints.every_n_epochs", every_n_epochs, "1 or more")
        self.interval = every_n_epochs
        super().__init__(
            filename="epoch_{epoch:03d}",
            auto_insert_metric_name=False,
            save_top_k=-1,
            every_n_epochs=every_n_epochs,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )

    def format_checkpoint_name(self, metrics: dict[str, Any], *args: Any, **options: Any) -> str:
        return super().format_checkpoint_name({**metrics, "epoch": metrics["epoch"] + 1}, *args, **options)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Take the run's folder; Lightning would take a logger's."""
        self.dirpath = str(RunFolder(Path(trainer.default_root_dir)).checkpoints)
        super().setup(trainer, pl_module, stage)
