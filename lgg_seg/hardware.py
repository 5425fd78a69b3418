"""What the machine offers, and the settings of the process that make it fast."""

import ctypes
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
import torch

from lgg_seg.devices import GPU, Accelerator, Precision
from lgg_seg.errors import UserError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hardware:
    """Where a network runs and in which precision; `auto` is gone."""

    device: torch.device
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    channels_last: bool

    @property
    def memory_format(self) -> torch.memory_format:
        """`channels_last` suits both oneDNN and tensor cores; the default layout is the reference."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def autocast(self) -> torch.autocast:
        """The context in which a forward pass runs; a no-op for `32-true`."""
        dtype = torch.float16 if self.precision == "16-mixed" else torch.bfloat16
        return torch.autocast(self.device.type, dtype=dtype, enabled=self.precision != "32-true")


def choose_hardware(
    accelerator: Accelerator, precision: Precision, channels_last: bool = True, key: str = "device"
) -> Hardware:
    """Resolve `auto`: the best device of this machine, and the fastest precision of its hardware.

    `key` is the argument or config key of the accelerator, for the error.
    """
    if accelerator == "auto":
        accelerator = next(name for name in ("gpu", "mps", "cpu") if is_available(name))
    if not is_available(accelerator):
        group = key.partition(".")[0]
        raise UserError(f"{key}={accelerator} is not on this machine; use {group}=auto or {group}=cpu.")
    device = torch.device("cuda" if accelerator in GPU else accelerator)
    if precision == "auto":
        precision = _fastest_precision(device)
    return Hardware(device, precision, channels_last)


def is_available(accelerator: Accelerator) -> bool:
    """Whether this machine has it."""
    if accelerator in GPU:
        return torch.cuda.is_available()
    return accelerator != "mps" or torch.backends.mps.is_available()


def _fastest_precision(device: torch.device) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    if has_bf16(device):
        return "bf16-mixed"
    # From Volta on (V100, T4), a GPU has tensor cores for float16; before, float16 is slower than float32.
    tensor_cores = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (7, 0)
    return "16-mixed" if tensor_cores else "32-true"


def has_bf16(device: torch.device) -> bool:
    """Whether it has bf16 instructions that are known to be fast: a GPU's own, or AVX-512's."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # On a CPU without bf16 instructions autocast is slower than float32; torch has no public question for them.
    return device.type == "cpu" and "avx512_bf16" in cpu_info("flags")


def take_gpu(turn: int) -> None:
    """Leave this process one of the GPUs that it sees, in turn; without effect once it has one, or uses some."""
    count = torch.cuda.device_count()
    if count > 1 and not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch does not annotate it
        seen = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
        os.environ["CUDA_VISIBLE_DEVICES"] = seen.split(",")[turn % count]


def cpu_info(field: str) -> str:
    """What Linux says of the processor, as `model name` or `flags`; nothing on other systems."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            return next((line.partition(":")[2].strip() for line in file if line.startswith(field)), "")
    except OSError:
        return ""


def configure_process(threads: int | None = None) -> None:
    """Once, at the start of a process that runs networks: allocator, threads, matrix precision.

    `threads` defaults to `$OMP_NUM_THREADS`, in which joblib gives each of its workers its share, and else to the
    physical cores.
    """
    if sys.platform == "linux":
        _keep_freed_memory()
    share = os.environ.get("OMP_NUM_THREADS", "")
    given = threads or (int(share) if share.isdigit() else 0)
    # More than the logical cores gain nothing, and of very many the process dies.
    torch.set_num_threads(min(given, psutil.cpu_count() or 1) or psutil.cpu_count(logical=False) or 1)
    # cuDNN takes its algorithms without a search: for depthwise convolutions that takes over a minute on an H100.
    torch.set_float32_matmul_precision("high")


def _keep_freed_memory() -> None:
    """Tell glibc not to return every activation to the kernel: x1.05-1.5 in training, more in inference."""
    mmap_threshold_off, trim_threshold = -4, -1  # M_MMAP_MAX, M_TRIM_THRESHOLD of malloc.h
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(mmap_threshold_off, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)
    except (OSError, AttributeError):  # musl has neither
        log.debug("this C library has no mallopt")


def peak_memory_bytes(device: torch.device) -> int:
    """The most memory this process has held: on the GPU where it runs there, else resident in RAM."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
