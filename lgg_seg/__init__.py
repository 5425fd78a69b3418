"""Segmentation of low-grade glioma in brain MRI: networks, training recipes, and comparisons one can believe."""

import os

# Both must stand before torch and albumentations are first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning OpenMP threads collapse beside another busy process
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # no network unless asked

__version__ = "0.1.0"
