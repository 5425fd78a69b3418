"""The end of a training that gets no better."""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping as LightningEarlyStopping

from lgg_seg.errors import require
from lgg_seg.training.base import TrainingModule


class EarlyStopping(LightningEarlyStopping):
    """Stops when the number that the best checkpoint is chosen by has not got better for `patience` epochs."""

    def __init__(self, patience: int = 20) -> None:
        require(patience >= 1, "callbacks.early_stopping.patience", patience, "1 or more")
        super().__init__(monitor="", patience=patience)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Learn from the module which number that is."""
        assert isinstance(pl_module, TrainingModule)
        # Anew, because the first value to beat follows from the mode; a checkpoint's state is restored after this.
        super().__init__(monitor=pl_module.monitor.column, mode=pl_module.monitor.mode, patience=self.patience)
        super().setup(trainer, pl_module, stage)
