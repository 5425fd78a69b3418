"""Devices and precisions by the names that users give them."""

from typing import Literal

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps"]
GPU = ("gpu", "cuda")  # one device; users type either
Precision = Literal["auto", "32-true", "bf16-mixed", "16-mixed"]
