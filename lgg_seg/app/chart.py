"""The volume at a glance: area over slices, as a Vega-Lite specification, which Streamlit draws without a network."""

from __future__ import annotations

from typing import Any

from lgg_seg.app.measurements import Findings
from lgg_seg.app.pictures import PREDICTION, TRUTH
from lgg_seg.app.uploads import Volume

_HEIGHT = 210
_FOUND, _GIVEN = "prediction", "ground truth"


def areas_chart(volume: Volume, findings: Findings, k: int) -> dict[str, Any]:
    """Bars of what was found in each slice, points of what was given, and a line at slice `k` of the volume."""
    numbers = volume.scan.numbers
    values: list[dict[str, Any]] = [
        {"slice": number, "area": int(area), "what": _FOUND}
        for number, area in zip(numbers, findings.mask.sum(axis=(1, 2)), strict=True)
    ]
    values += [
        {"slice": number, "area": int(mask.sum()), "what": _GIVEN}
        for number, mask, known in zip(numbers, volume.truth, volume.known, strict=True)
        if known
    ]
    colours = {_FOUND: PREDICTION} | ({_GIVEN: TRUTH} if volume.known.any() else {})
    colour = {
        "field": "what",
        "type": "nominal",
        "scale": {"domain": list(colours), "range": [f"rgb{colour}" for colour in colours.values()]},
        "legend": {"orient": "top", "title": None},
    }
    place = {"field": "slice", "type": "ordinal", "title": "slice", "axis": {"labelAngle": 0, "labelOverlap": True}}
    tooltip = [{"field": field, "type": "nominal"} for field in ("what", "slice", "area")]
    return {
        "height": _HEIGHT,
        "data": {"values": values},
        "encoding": {"x": place},
        "layer": [
            _layer(_FOUND, {"type": "bar", "opacity": 0.75}, colour, tooltip),
            _layer(_GIVEN, {"type": "tick", "thickness": 3, "opacity": 1}, colour, tooltip),
            {
                "transform": [{"filter": f"datum.slice == {numbers[k]} && datum.what == '{_FOUND}'"}],
                "mark": {"type": "rule", "color": "#ffffff", "strokeDash": [4, 3]},
            },
        ],
    }


def _layer(what: str, mark: dict[str, Any], colour: dict[str, Any], tooltip: list[dict[str, str]]) -> dict[str, Any]:
    area = {"field": "area", "type": "quantitative", "title": "area, px", "axis": {"tickCount": 4}}
    return {
        "transform": [{"filter": f"datum.what == '{what}'"}],
        "mark": mark,
        "encoding": {"y": area, "color": colour, "tooltip": tooltip},
    }
