"""The `trainer` config group: everything about how long, where and in which precision a run trains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger

from lgg_seg.errors import require
from lgg_seg.hardware import Accelerator, Hardware, Precision, choose_hardware, configure_process


@dataclass(frozen=True)
class TrainerSettings:
    """How a run trains.

    Options named as Lightning's are Lightning's; `limit_train_batches` and `limit_val_batches` cut an epoch short, for
    trying things; `threads` are those of the CPU (default: one a core). `monitor` is the validation number by which the
    best epoch is chosen and training is stopped (default: patient Dice, of a classifier AUROC).
    """

    max_epochs: int
    accelerator: Accelerator = "auto"
    devices: int = 1
    strategy: Literal["auto", "ddp"] = "auto"
    precision: Precision = "auto"
    channels_last: bool = True
    threads: int | None = None
    gradient_clip_val: float | None = None
    accumulate_grad_batches: int = 1
    deterministic: bool = False
    limit_train_batches: int | None = None
    limit_val_batches: int | None = None
    monitor: Literal["val/dice", "val/iou", "val/loss"] | None = None
    enable_progress_bar: bool = True

    def __post_init__(self) -> None:
        for name in (
            "max_epochs",
            "devices",
            "accumulate_grad_batches",
            "threads",
            "limit_train_batches",
            "limit_val_batches",
        ):
            value = getattr(self, name)
            require(value is None or value >= 1, f"trainer.{name}", value, "1 or more")
        clip = self.gradient_clip_val
        require(clip is None or clip > 0, "trainer.gradient_clip_val", clip, "above 0, or null")

    def prepare(self) -> Hardware:
        """Settle the process (threads, allocator, determinism) and say what it runs on."""
        torch.use_deterministic_algorithms(self.deterministic, warn_only=True)
        configure_process(self.threads)
        return choose_hardware(self.accelerator, self.precision, self.channels_last, "trainer.accelerator")

    def build(
        self, hardware: Hardware, folder: Path, callbacks: list[pl.Callback], loggers: list[Logger]
    ) -> pl.Trainer:
        """A Lightning trainer that writes nothing of its own accord outside `folder`."""
        return pl.Trainer(
            max_epochs=self.max_epochs,
            accelerator={"cuda": "gpu"}.get(hardware.device.type, hardware.device.type),
            devices=self.devices,
            strategy=self.strategy,
            precision=hardware.precision,
            gradient_clip_val=self.gradient_clip_val,
            accumulate_grad_batches=self.accumulate_grad_batches,
            limit_train_batches=self.limit_train_batches,
            limit_val_batches=self.limit_val_batches,
            callbacks=callbacks,
            logger=loggers or False,
            default_root_dir=folder,
            enable_progress_bar=self.enable_progress_bar,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,  # ours divides the patients' slices among ranks itself
            log_every_n_steps=1 if self.limit_train_batches else 10,
        )
