"""A trained network for other programs and people: export, parity, model card, a zoo entry."""

from typing import Literal

Format = Literal["onnx", "torch"]
