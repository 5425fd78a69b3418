"""The same few validation slices, drawn as the training goes on."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from lgg_seg.data.datamodule import DataModule
from lgg_seg.errors import require
from lgg_seg.reporting.figures import Panel, panel_grid
from lgg_seg.runs.folder import RunFolder

MOST_COLUMNS = 8


class ValidationImages(pl.Callback):
    """Keeps what the network makes of `slices` validation slices in the first epoch, every
    `every_epochs` after, and in the last.

    They are the slices with the most tumour of patients from the smallest tumour to the largest.
    `figures/validation_slices.png` has a row a slice and a column a snapshot; TensorBoard gets each as it comes.
    """

    state_key = "Snapshots"  # as in the checkpoints of runs from before it was renamed

    def __init__(self, slices: int = 4, every_epochs: int = 5) -> None:
        require(slices >= 1, "callbacks.validation_images.slices", slices, "1 or more")
        require(every_epochs >= 1, "callbacks.validation_images.every_epochs", every_epochs, "1 or more")
        self.count = slices
        self.every_epochs = every_epochs
        self.masks: dict[int, dict[int, Tensor]] = {}  # epoch, slice -> bool (H, W)
        self.wanted: list[int] = []

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Choose the slices."""
        data = _data(trainer)
        batches = trainer.limit_val_batches
        seen = data.split.val[: batches * data.batch_size] if isinstance(batches, int) else data.split.val
        largest: dict[str, int] = {}
        for i in seen:
            one = data.index.slices[i]
            held = largest.get(one.patient)
            if held is None or one.tumour_pixels > data.index.slices[held].tumour_pixels:
                largest[one.patient] = i
        ordered = sorted(largest.values(), key=lambda i: (data.index.slices[i].tumour_pixels, i))
        places = np.linspace(0, len(ordered) - 1, min(self.count, len(ordered))).round().astype(int)
        self.wanted = [ordered[place] for place in dict.fromkeys(places.tolist())]

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
                if slice_id in self.wanted:
                    self.masks.setdefault(epoch, {})[slice_id] = (probability >= 0.5).cpu()

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Send the epoch's column to TensorBoard."""
        if trainer.is_global_zero and trainer.current_epoch in self.masks:
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoardLogger):
                    figure = self._figure(_data(trainer), [trainer.current_epoch])
                    logger.experiment.add_image(
                        "validation slices", _pixels(figure), trainer.global_step, dataformats="HWC"
                    )

    def draw(self, folder: RunFolder, data: DataModule) -> None:
        """Write `figures/validation_slices.png`."""
        epochs = sorted(self.masks)
        if not epochs:
            return
        places = np.linspace(0, len(epochs) - 1, min(MOST_COLUMNS, len(epochs))).round().astype(int)
        with folder.writing("figures/validation_slices.png") as path:
            self._figure(data, [epochs[place] for place in places]).savefig(path, dpi=110)

    def _figure(self, data: DataModule, epochs: list[int]) -> Figure:
        rows: dict[str, list[Panel]] = {}
        for i in self.wanted:
            one = data.index.slices[i]
            flair, truth = data.flair(i), data.native_masks([i])[0]
            rows[f"{one.patient} / {one.number}"] = [
                Panel(f"epoch {epoch}", flair, truth, self.masks[epoch][i].numpy())
                for epoch in epochs
                if i in self.masks[epoch]
            ]
        return panel_grid(rows, "Validation slices over the epochs")

    def state_dict(self) -> dict[str, Any]:
        """The masks so far, so that a resumed run's figure is whole."""
        return {"masks": self.masks}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the masks of the run that is resumed."""
        self.masks = dict(state_dict["masks"])


def _data(trainer: pl.Trainer) -> DataModule:
    return cast(DataModule, trainer.datamodule)  # type: ignore[attr-defined]  # set by fit(datamodule=)


def _pixels(figure: Figure) -> np.ndarray[Any, np.dtype[np.uint8]]:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib's canvas has no types
    rgba = canvas.buffer_rgba()  # type: ignore[no-untyped-call]  # as above
    return np.asarray(rgba)[..., :3].copy()
