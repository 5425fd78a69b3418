"""A module that keeps what it was shown, for tests of what a resumed run sees."""

from __future__ import annotations

import pytorch_lightning as pl
import torch


class Recorder(pl.LightningModule):
    """Keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[tuple[int, list[int], int]] = []

    def training_step(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        self.seen.append((self.current_epoch, batch["slice"].tolist(), int(batch["image"].sum())))
        return (self.weight - 1).square().sum()

    def validation_step(self, batch: dict[str, torch.Tensor]) -> None:
        pass

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)
