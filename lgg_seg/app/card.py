"""What is known of the network that the page uses, in words for a reader of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lgg_seg.app.names import plain
from lgg_seg.data.splits.split import LEAKY
from lgg_seg.inference.trained import TrainedModel
from lgg_seg.inference.zoo import CARD, read_card
from lgg_seg.runs.folder import RunFolder

_NAMES = {
    "patient/dice": "Dice of a patient's volume",
    "patient/recall": "share of the true volume that is found",
    "patient/precision": "share of what is found that is true",
    "patient/hd95_px": "95 % Hausdorff distance, pixels",
    "tumour_slice/dice": "Dice of slices with tumour",
    "detection/recall": "share of slices with tumour that are marked",
    "empty_slice/false_positive_rate": "share of slices without tumour that are marked",
}
_UNKNOWN = (
    "What this network is good for nobody has written down: it is a run, not a model of the zoo.",
    "Expect less than the test says on any other scanner, disease or age than those it was trained on.",
)


def facts(trained: TrainedModel) -> dict[str, Any]:
    """`metrics`, `tested` (both empty for a run without a test), `limits`, `data` and `licence`."""
    if (trained.source_dir / CARD).is_file():
        card = read_card(trained.source_dir)
        return {key: card.get(key, {}) for key in ("metrics", "tested", "limits", "data", "licence")}
    folder = RunFolder(trained.source_dir)
    tested = folder.read_json("metrics.json") if (folder.path / "metrics.json").is_file() else {}
    return {"metrics": tested.get("metrics", {}), "tested": tested, "limits": _UNKNOWN, "data": "", "licence": ""}


def headline(tested: Mapping[str, Any]) -> str:
    """On whom the numbers were measured."""
    if not tested:
        return "This run was not tested: nothing is known of how good it is."
    whom = f"{tested['patients']} {tested['split']} patients, {tested['slices']} slices"
    if tested["protocol"] == LEAKY:
        return f"Measured on {whom}, of which other slices were trained on: these numbers say nothing of a new patient."
    return f"Measured on {whom}; it was not trained on them."


def metrics_table(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """The metrics that tell a reader most: `measure`, `mean`, `95 % interval`, `median`."""
    rows = []
    for key, name in _NAMES.items():
        if key not in metrics:
            continue
        value = metrics[key]
        known = value if isinstance(value, Mapping) else {"mean": value}
        low, high = known.get("ci95") or (None, None)
        rows.append(
            {
                "measure": name,
                "mean": _number(known.get("mean")),
                "95 % interval": "" if low is None else f"{_number(low)} to {_number(high)}",
                "median": _number(known.get("median")),
            }
        )
    return pd.DataFrame(rows)


def limits_list(limits: tuple[str, ...] | list[str]) -> str:
    """As a list in Markdown."""
    return "\n".join(f"- {plain(limit)}" for limit in limits)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
