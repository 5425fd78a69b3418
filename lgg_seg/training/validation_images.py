"""Pictures of a few validation slices as training goes on."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger
from torch import Tensor

from lgg_seg.data.datamodule import DataModule
from lgg_seg.errors import require
from lgg_seg.reporting.figures import Panel, panel_grid, write_png
from lgg_seg.reporting.tensorboard import add_png
from lgg_seg.runs.folder import RunFolder

MAX_COLUMNS = 8


class ValidationImages(pl.Callback):
    """Predicted masks of `slices` validation slices in the first epoch, every `every_epochs` after, and in the last.

    Each is a patient's slice with the most tumour; the patients range from the smallest tumour to the largest.
    `figures/validation_slices.png` has a row for each slice and a column for each such epoch. TensorBoard gets the
    slices of an epoch side by side, Weights & Biases as images with masks.
    """

    state_key = "Snapshots"  # as in the checkpoints of runs from before it was renamed

    def __init__(self, slices: int = 4, every_epochs: int = 5) -> None:
        require(slices >= 1, "callbacks.validation_images.slices", slices, "1 or more")
        require(every_epochs >= 1, "callbacks.validation_images.every_epochs", every_epochs, "1 or more")
        self.count = slices
        self.every_epochs = every_epochs
        self.masks: dict[int, dict[int, Tensor]] = {}  # epoch, slice -> bool (H, W)
        self.chosen: list[int] = []

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        data = _data(trainer)
        batches = trainer.limit_val_batches
        validated = data.split.val[: batches * data.batch_size] if isinstance(batches, int) else data.split.val
        largest: dict[str, int] = {}
        for i in sorted(validated, key=lambda i: -data.index.slices[i].tumour_pixels):
            largest.setdefault(data.index.slices[i].patient, i)
        ordered = sorted(largest.values(), key=lambda i: (data.index.slices[i].tumour_pixels, i))
        self.chosen = _evenly(ordered, self.count)

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the masks of the chosen slices; `outputs` holds the native probabilities, where the network segments."""
        if outputs is None:
            return
        epoch = trainer.current_epoch
        if epoch % self.every_epochs == 0 or epoch == cast(int, trainer.max_epochs) - 1:
            for slice_id, probability in zip(batch["slice"].tolist(), outputs["native"], strict=True):
                if slice_id in self.chosen:
                    self.masks.setdefault(epoch, {})[slice_id] = (probability >= 0.5).cpu()

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero or trainer.current_epoch not in self.masks:
            return
        title, rows = "validation slices", self._rows(_data(trainer), [trainer.current_epoch])
        panels = [replace(panel, title=name) for name, row in rows.items() for panel in row]
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                figure = panel_grid({f"epoch {trainer.current_epoch + 1}": panels}, title)
                picture = BytesIO()
                write_png(figure, picture, 200)  # 500 pixels a slice
                add_png(logger, title, picture.getvalue(), trainer.global_step)
            elif isinstance(logger, WandbLogger):
                from lgg_seg.reporting.wandb.media import overlays  # imports wandb, which most runs can do without

                logger.log_image(
                    title,
                    [panel.flair for panel in panels],
                    trainer.global_step,
                    caption=[f"{panel.title}, epoch {trainer.current_epoch + 1}" for panel in panels],
                    masks=[overlays(panel.truth, panel.prediction) for panel in panels],
                )

    def draw(self, folder: RunFolder, data: DataModule) -> None:
        if self.masks:
            rows = self._rows(data, _evenly(sorted(self.masks), MAX_COLUMNS))
            with folder.writing("figures/validation_slices.png") as path:
                write_png(panel_grid(rows, "Validation slices over the epochs"), path, 110)

    def _rows(self, data: DataModule, epochs: list[int]) -> dict[str, list[Panel]]:
        rows: dict[str, list[Panel]] = {}
        for i in self.chosen:
            one = data.index.slices[i]
            flair, truth = data.flair(i), data.native_masks([i])[0]
            rows[f"{one.patient} / {one.number}"] = [
                Panel(f"epoch {epoch + 1}", flair, truth, self.masks[epoch][i].numpy())
                for epoch in epochs
                if i in self.masks[epoch]
            ]
        return rows

    def state_dict(self) -> dict[str, Any]:
        """The masks so far; a resumed run's figure shows them, too."""
        return {"masks": self.masks}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.masks = dict(state_dict["masks"])


def _data(trainer: pl.Trainer) -> DataModule:
    return cast(DataModule, trainer.datamodule)  # type: ignore[attr-defined]  # set by fit(datamodule=)


def _evenly(items: Sequence[int], count: int) -> list[int]:
    """At most `count` of the items, evenly spaced, with the first and the last."""
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[place] for place in places]
