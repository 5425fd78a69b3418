"""A classifier of a user's own package, for tests of what holds for any: ResNet-50 takes ten times as long."""

from __future__ import annotations

import os
from pathlib import Path

from torch import Tensor, nn

from lgg_seg.networks import SliceClassifier
from lgg_seg.networks.classifier import Target
from lgg_seg.networks.pretrained import FreezableEncoder
from tests.workplace import Workplace

WORDS = ("--config-dir=small", "model=small")
CONFIG = f"_target_: {__name__}.SmallClassifier\ntarget: tumour\nfreeze_encoder: false\nweights: null\n"


class SmallClassifier(FreezableEncoder, SliceClassifier):
    """Built as `ResNet50Classifier` is: an encoder that can be frozen, with batch norm, and a head with dropout."""

    def __init__(
        self, target: Target, freeze_encoder: bool = False, weights: str | None = None, in_channels: int = 3
    ) -> None:
        assert weights is None
        super().__init__(target)
        self.encoder = nn.Sequential(nn.Conv2d(in_channels, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(8, 1))
        self.freeze_encoder = freeze_encoder
        self.train()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(x))
        return logits


def with_small_classifier(workplace: Workplace) -> Workplace:
    """The workplace, where `WORDS` choose it."""
    folder, environment = workplace
    config = folder / "small" / "model" / "small.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(CONFIG, encoding="utf-8")
    path = os.pathsep.join([str(Path(__file__).parents[1]), environment.get("PYTHONPATH", "")])
    return folder, environment | {"LGG_SEG_PACKAGES": "tests", "PYTHONPATH": path}
