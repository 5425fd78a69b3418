"""What stands beside the pictures, as HTML: what lines and colours mean, and the numbers of a slice."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex

from lgg_seg.app.pictures import COLOURS, FAINTEST, PREDICTION, TRUTH

_ROW = "font-size:.85rem;line-height:1.6;display:flex;flex-wrap:wrap;align-items:center;gap:0 .6em"


def outline_legend(rule: str, *, given: bool, here: bool) -> str:
    """Of the outlines. `rule` says from what on a pixel is found, `given` whether any slice of the volume has a ground
    truth, and `here` whether this one has.
    """
    parts = [_line("solid", PREDICTION), f"<span>prediction, {rule}</span>"]
    if given:
        name = "ground truth" if here else "ground truth (none for this slice)"
        parts += [_line("dashed", TRUTH), f"<span>{name}</span>"]
    return f'<div style="{_ROW}">{"".join(parts)}</div>'


def heat_legend(highest: float) -> str:
    """Of the colours, with the `highest` probability of the slice."""
    stops = ",".join(to_hex(colour) for colour in mpl.colormaps[COLOURS](np.linspace(FAINTEST, 1, 9)))
    bar = f"flex:0 1 9em;height:.8em;border-radius:2px;background:linear-gradient(90deg,{stops})"
    return (
        f'<div style="{_ROW}"><span>P(tumour)</span><span>{FAINTEST:g}</span><span style="{bar}"></span><span>1</span>'
        f"<span>highest here: {highest:.2f}</span></div>"
    )


def numbers_table(slice_: str, volume: str, rows: Sequence[tuple[str, str, str]]) -> str:
    """Rows of a name, the slice's number and the volume's, under these two headings; no text of an upload."""
    cell = "padding:.2em 0 .2em .6em;text-align:right;border-bottom:1px solid #2c3138;font-variant-numeric:tabular-nums"
    name = "padding:.2em 0;text-align:left;font-weight:400;border-bottom:1px solid #2c3138;color:#b6bdc6"
    head = f'<tr><td></td><th style="{cell}">{slice_}</th><th style="{cell}">{volume}</th></tr>'
    body = "".join(
        f'<tr><th style="{name}">{row[0]}</th><td style="{cell}">{row[1]}</td><td style="{cell}">{row[2]}</td></tr>'
        for row in rows
    )
    return f'<table style="width:100%;border-collapse:collapse;font-size:.85rem">{head}{body}</table>'


def _line(style: str, colour: tuple[int, int, int]) -> str:
    return f'<span style="flex:0 0 2.2em;border-top:3px {style} rgb{colour}"></span>'
