"""Prediction on scans: masks, overlays, tables."""

from typing import Literal

Overlays = Literal["tumour", "all", "none"]
