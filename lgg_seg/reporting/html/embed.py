"""Figures as data URIs, so that the page is one file and no two of its drawings can share an id."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure

FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
"""What the page is set in: narrower than the font the layout was measured with, so nothing overlaps."""


@dataclass(frozen=True)
class Picture:
    """An image of the page: `uri` for `src`, `alt` in words for those who cannot see it, `width` in CSS pixels."""

    uri: Markup
    alt: str
    caption: str
    width: int
    title: str = ""


def svg(figure: Figure, title: str, alt: str, caption: str) -> Picture:
    """A drawing, sharp at any size."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = text[text.index("<svg") :].replace("'DejaVu Sans'", FONTS)
    text = re.sub(r"\n\s*", "\n", re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL))
    return Picture(_uri("image/svg+xml", text.encode()), alt, caption, _pixels(figure), title)


def png(figure: Figure, title: str, alt: str, caption: str, dpi: int) -> Picture:
    """An image of pixels, for slices."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return Picture(_uri("image/png", file.getvalue()), alt, caption, _pixels(figure), title)


def _uri(kind: str, data: bytes) -> Markup:
    return Markup(f"data:{kind};base64,{base64.b64encode(data).decode()}")


def _pixels(figure: Figure) -> int:
    return round(96 * figure.get_figwidth())
