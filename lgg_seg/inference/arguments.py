"""Arguments of the commands that turn probabilities into masks: the decision rule."""

from typing import Annotated, Literal

from lgg_seg.cli.arguments import Argument
from lgg_seg.errors import require

Threshold = Annotated[float | None, Argument("probability that is tumour; null: as tested")]
Postprocess = Annotated[
    Literal["none", "largest_component"] | None,
    Argument("none, or largest_component of the volume; null: as tested", was=("largest_component",)),
]
TTA = Annotated[
    bool | None,
    Argument("test-time augmentation: average with the mirrored volume's; null: as tested", was=("mirror",)),
]


def require_threshold(threshold: float | None) -> None:
    """Refuse one that is no probability."""
    require(threshold is None or 0 <= threshold <= 1, "threshold", threshold, "between 0 and 1")
