"""The `trainer` config group: everything about how long, where and in which precision a run trains."""

import inspect
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.loggers import Logger
from pytorch_lightning.strategies import ParallelStrategy

from lgg_seg.devices import GPU, Accelerator, Precision
from lgg_seg.errors import UserError, require
from lgg_seg.hardware import Hardware, choose_hardware, configure_process, is_available
from lgg_seg.training.callbacks import Progress
from lgg_seg.training.checkpoints import AtomicCheckpoints
from lgg_seg.training.processes import started_together
from lgg_seg.training.validations import within_epochs

log = logging.getLogger(__name__)

COUNTS = ("max_epochs", "num_nodes", "accumulate_grad_batches", "limit_train_batches", "limit_val_batches")
GIVEN = ("callbacks", "logger", "default_root_dir", "enable_model_summary", "num_sanity_val_steps",
         "use_distributed_sampler", "log_every_n_steps", "enable_checkpointing", "fast_dev_run",
         "barebones", "plugins")  # fmt: skip
"""What a config cannot give Lightning's trainer: the program does, or it would leave no checkpoint to test."""


class TrainerSettings:
    """How a run trains: the options below, and every other one of Lightning's trainer, passed to it as it is.

    Options named as Lightning's are Lightning's; `limit_train_batches` and `limit_val_batches` cut an epoch short, for
    trying things; `devices` is how many processes train on each machine, or the numbers of their GPUs. `threads` are
    those of the CPU (default: one a core). `monitor` is the validation number by which the best epoch is chosen and
    training is stopped (default: patient Dice, of a classifier AUROC). `compile` trains the network through
    `torch.compile`; its parameters keep their names.
    """

    def __init__(
        self,
        max_epochs: int,
        accelerator: Accelerator = "auto",
        devices: int | list[int] = 1,
        strategy: Literal["auto", "ddp"] = "auto",
        precision: Precision = "auto",
        channels_last: bool = True,
        threads: int | None = None,
        deterministic: bool = False,
        limit_train_batches: int | None = None,
        limit_val_batches: int | None = None,
        monitor: Literal["val/dice", "val/iou", "val/loss"] | None = None,
        enable_progress_bar: bool = True,
        compile: bool = False,
        **lightning: Any,
    ) -> None:
        self.accelerator, self.precision, self.channels_last = accelerator, precision, channels_last
        self.threads, self.deterministic, self.monitor, self.compile = threads, deterministic, monitor, compile
        self.lightning: dict[str, Any] = lightning | {
            "max_epochs": max_epochs,
            "devices": devices,
            "strategy": strategy,
            "limit_train_batches": limit_train_batches,
            "limit_val_batches": limit_val_batches,
            "enable_progress_bar": enable_progress_bar,
        }
        for name, value in [("threads", threads), *((name, self.lightning.get(name)) for name in COUNTS)]:
            require(value is None or value >= 1, f"trainer.{name}", value, "1 or more")
        every, interval = lightning.get("check_val_every_n_epoch", 1), lightning.get("val_check_interval")
        name = "trainer.check_val_every_n_epoch"
        if every is None:
            raise UserError(f"{name} is null; take 1: trainer.val_check_interval counts batches within an epoch.")
        require(1 <= every <= max_epochs, name, every, "from 1 to trainer.max_epochs, so that an epoch can be chosen")
        if every > 1 and self.lightning.get("max_steps", -1) >= 0:
            raise UserError(
                f"{name}={every} may leave the epoch without validation in which trainer.max_steps ends the training; "
                "take one of the two."
            )
        known = interval is None or (isinstance(interval, int) and interval >= 1)
        known = known or (isinstance(interval, float) and 0 < interval <= 1)
        require(known, "trainer.val_check_interval", interval, "a share of an epoch such as 0.25, or 1 batch or more")
        require(self._local_processes >= 1, "trainer.devices", devices, "1 or more")
        clip = lightning.get("gradient_clip_val")
        require(clip is None or clip > 0, "trainer.gradient_clip_val", clip, "above 0, or null")

    def prepare(self, device: Accelerator | None = None) -> Hardware:
        """Configure the process (threads, allocator, determinism) and choose what it runs on.

        On a `device` in place of the accelerator the precision stays, but for float16 where there is none.
        """
        cores = os.cpu_count() or 1
        known = self.threads is None or self.threads <= cores
        require(known, "trainer.threads", self.threads, f"1 to {cores}, this machine's cores, or null")
        torch.use_deterministic_algorithms(self.deterministic, warn_only=True)
        configure_process(self.threads)
        if device is None:
            return choose_hardware(self.accelerator, self.precision, self.channels_last, "trainer.accelerator")
        chosen = choose_hardware(device, self.precision, self.channels_last)
        if chosen.precision == "16-mixed" and chosen.device.type == "cpu":
            return choose_hardware(device, "auto", self.channels_last)
        return chosen

    def prepare_again(self, device: Accelerator | None = None) -> Hardware:
        """As `prepare`, for a run that may have been trained on another machine: by default on the best device here.

        A deterministic run stays on its own, which alone gives the same bits.
        """
        is_here = is_available(self.accelerator)
        if device is None and not (is_here and self.deterministic):
            device = "auto"
            if not is_here:
                log.warning("the run's device, %s, is not on this machine; the best one is taken", self.accelerator)
        if self.threads is not None:
            self.threads = min(self.threads, os.cpu_count() or 1)
        return self.prepare(device)

    def share_out(self, hardware: Hardware, *, mid_epoch: bool = False) -> None:
        """Go on with a run of several devices where fewer are: each process adds up the gradients of more batches.

        The optimizer's steps stay those of the run; batch norm sees the batches one by one.
        """
        before = self._local_processes
        on_gpus = hardware.device.type == "cuda"
        here = torch.cuda.device_count() if on_gpus else 1
        if before <= here or not (on_gpus or self.accelerator in GPU):
            return
        if before % here:
            raise UserError(
                f"The run trained on {before} devices, and {here} are here, which cannot share its batches equally; "
                "have it see one alone with CUDA_VISIBLE_DEVICES=0, or take a machine with as many."
            )
        if mid_epoch:
            raise UserError(
                f"The run was stopped in the middle of an epoch, of which each of {before} devices has a part, and "
                f"{here} {'is' if here == 1 else 'are'} here; go on where there are as many"
                f"{'' if self.accelerator == 'gpu' else ', or with device=cpu'}."
            )
        batches = self.lightning.get("accumulate_grad_batches", 1) * (before // here)
        self.lightning |= {"devices": here, "accumulate_grad_batches": batches}
        interval = self.lightning.get("val_check_interval")
        if isinstance(interval, int):  # of one process's batches
            self.lightning["val_check_interval"] = interval * (before // here)
        if here == 1:
            self.lightning["strategy"] = "auto"
        added = f"{here} process(es) here add up {batches} batches a step"
        log.warning("the run trained on %d devices; %s", before, added)

    @property
    def _local_processes(self) -> int:
        devices = self.lightning["devices"]
        return len(devices) if isinstance(devices, list) else int(devices)

    @property
    def validated_every(self) -> int:
        """Every how many epochs the network is validated."""
        return int(self.lightning.get("check_val_every_n_epoch", 1))

    @property
    def validates_within_epochs(self) -> bool:
        """Whether epochs are validated several times."""
        return within_epochs(self.lightning.get("val_check_interval"))

    @property
    def processes(self) -> int:
        """How many processes train together, on all machines."""
        return self._local_processes * int(self.lightning.get("num_nodes", 1))

    @property
    def is_distributed(self) -> bool:
        """Whether gradients are averaged over processes."""
        return self.processes > 1 or self.lightning["strategy"] == "ddp"

    def rank(self, hardware: Hardware) -> int:
        """This process's place among all that Lightning, torchrun or Slurm has started; 0 writes the run folder."""
        started, machines = started_together()
        if started > 1 and not self.is_distributed:
            raise UserError(
                f"{started} processes were started, and each would train a run of its own; start one, or for a new run "
                f"take trainer=ddp trainer.devices={started // machines} trainer.num_nodes={machines}."
            )
        trainer = self.build(hardware, Path(), [], [])
        if isinstance(trainer.strategy, ParallelStrategy) and trainer.strategy.cluster_environment is not None:
            with refusals(TypeError, ValueError, RuntimeError):
                trainer.strategy.cluster_environment.validate_settings(trainer.num_devices, trainer.num_nodes)
        return int(trainer.global_rank)

    def build(
        self,
        hardware: Hardware,
        folder: Path,
        callbacks: list[pl.Callback],
        loggers: list[Logger],
        *,
        validates: bool = True,
        find_unused_parameters: bool = False,
    ) -> pl.Trainer:
        """A Lightning trainer that writes nothing of its own accord outside `folder`."""
        self._check_devices(hardware)
        changed: dict[str, Any] = {} if validates else {"limit_val_batches": 0}
        if hardware.device.type != "cuda":
            changed["devices"] = self._local_processes  # the numbers are those of GPUs
        if find_unused_parameters:
            changed["strategy"] = "ddp_find_unused_parameters_true"
        changed["enable_progress_bar"] = bar = self.lightning["enable_progress_bar"] and sys.stderr.isatty()
        with refusals(TypeError, ValueError, RuntimeError):
            return pl.Trainer(
                **self.lightning | changed,
                accelerator={"cuda": "gpu"}.get(hardware.device.type, hardware.device.type),
                precision=hardware.precision,
                callbacks=[*callbacks, *([Progress()] if bar else [])],
                plugins=[AtomicCheckpoints()],
                logger=loggers or False,
                default_root_dir=folder,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                use_distributed_sampler=False,  # ours divides the patients' slices among ranks itself
                log_every_n_steps=1 if self.lightning["limit_train_batches"] else 10,
            )

    def _check_devices(self, hardware: Hardware) -> None:
        """Refuse GPUs that are not there, many more processes than cores, and what only GPUs can do."""
        devices = self.lightning["devices"]
        if hardware.device.type == "cuda":
            count = torch.cuda.device_count()
            numbers = devices if isinstance(devices, list) else range(devices)
            if not set(numbers) <= set(range(count)):
                raise UserError(
                    f"trainer.devices={devices}, but this machine has {count} GPU(s), numbered from 0; take "
                    f"trainer.devices={count}."
                )
            return
        cores = os.cpu_count() or 1
        if self._local_processes > 4 * cores:
            raise UserError(
                f"trainer.devices={devices}, but this machine has {cores} cores; take trainer.devices={cores} or fewer."
            )
        if self.lightning.get("sync_batchnorm"):
            raise UserError("trainer.sync_batchnorm=true works on GPUs alone; take trainer.sync_batchnorm=false.")


@contextmanager
def refusals(*kinds: type[Exception]) -> Iterator[None]:
    """What Lightning refuses, by its own exception and these `kinds`, in one sentence."""
    refused: tuple[type[Exception], ...] = (MisconfigurationException, *kinds)
    try:
        yield
    except refused as error:
        raise UserError(f"Lightning refuses the trainer's settings: {' '.join(str(error).split())}") from error


def _signature() -> inspect.Signature:
    """What a config can give: the parameters by name, and those of Lightning's trainer that are passed through."""
    own = list(inspect.signature(TrainerSettings, eval_str=True).parameters.values())[:-1]
    taken = {*GIVEN, *(parameter.name for parameter in own)}
    lightning = inspect.signature(pl.Trainer).parameters.values()
    return inspect.Signature([*own, *(parameter for parameter in lightning if parameter.name not in taken)])


TrainerSettings.__signature__ = _signature()  # type: ignore[attr-defined]  # `check_config` reads it
