"""Segmentation of low-grade glioma in brain MRI: networks, training recipes, and comparisons one can believe."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

from lgg_seg.version import __version__ as __version__

if TYPE_CHECKING:
    from pathlib import Path

    from lgg_seg.devices import Accelerator, Precision
    from lgg_seg.inference.model import Model

# Both must stand before torch and albumentations are first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning OpenMP threads collapse beside another busy process
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # no network unless asked

# conf/hydra/launcher holds our own values for the launchers; Hydra merges them with the plugins' schemas of the same
# name and, in every process that composes a config, announces that it may stop to.
warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/\w+' is validated against ConfigStore schema")


def load(source: str | Path | None = None, device: Accelerator = "auto", precision: Precision = "auto") -> Model:
    """A trained network with its preprocessing, ready to use: `lgg_seg.load().predict(volume)`.

    Args:
        source: a model of the zoo by its name, or the folder of a run or of a zoo entry; by default the zoo's best.
        device: `auto` takes the best that is there.
        precision: `auto` takes the fastest of the hardware; `32-true` for numbers that agree to the last digits.

    Returns:
        a `Model`: `predict` maps uint8 (D, H, W, 3), a patient's slices in order with the channels pre-contrast, FLAIR
        and post-contrast, to P(tumour), float32 (D, H, W); `mask` makes it a mask; `network` and `preprocess` are its
        parts.

    Raises:
        UserError: there is no such model, or it is damaged, or the device is not there.
    """
    from lgg_seg.inference.model import load_model  # torch and all the rest, which `import lgg_seg` does without

    return load_model(source, device, precision)
