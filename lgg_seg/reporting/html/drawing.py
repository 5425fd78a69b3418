"""What the page's figures share: fonts, colours, marks, and how the page embeds them."""

import base64
import io
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from lgg_seg.comparison.segmentation import SegmentationResult, SegmentationTable
from lgg_seg.comparison.tables import Leaderboard
from lgg_seg.metrics.arrays import Floats
from lgg_seg.reporting.redaction import without_paths

INK, MUTED, RULE = "#1b2430", "#5a6675", "#d8dee6"
PALETTE = ("#0060a8", "#c8500a", "#00806a", "#a8328f", "#8a6d00", "#3b3fb8", "#a3243b", "#4d7a1e")
"""Distinct for the colour-blind as far as eight can be, and dark enough for a white number on them."""

PAPER = "#fefefe"  # of what must look like the page: no pure white, which the numbers on colours have
ON_LIGHT = "#1b2431"  # of text on light cells, which stay light on a dark page: no `INK`, which does not
OTHERS = "#8b95a1"  # of configurations after the best eight: nobody can tell thirty colours apart, so the number must

DARK = {
    INK: "#e6ebf2", MUTED: "#9fabba", RULE: "#323c48", PAPER: "#12171e", OTHERS: "#7a8593", "#ffffff": "#0c1015",
    **dict(zip(PALETTE, ("#5aa9e6", "#f08a4b", "#3dbd9f", "#dd7fcb", "#d1b03c", "#8f92f5", "#ef7287", "#9bc75f"),
               strict=True)),
}  # fmt: skip
"""What the colours become where a reader's system is dark; `themed` makes a text follow it."""

WIDTH = 6.0  # inches (576 px in the page) of a figure that shares a row with another
MAX_LARGE_ROWS = 12  # rows of a heatmap up to which its cells are large enough for text
FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
"""What the page is set in: narrower than the font the layout was measured with, so nothing overlaps."""

RC: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],  # ships with matplotlib: the same layout on every machine
    "font.size": 9,
    "text.parse_math": False,  # a dollar in a label is a dollar
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "lgg_seg",  # the same runs make the same page
    "figure.constrained_layout.use": True,
}
"""For `matplotlib.rc_context`, in which every figure is drawn and saved: text is laid out when a figure is saved."""


@dataclass(frozen=True)
class Style:
    """How figures show an entry of a table: `number` is its rank, `name` its label without paths."""

    number: int
    name: str
    colour: str

    @property
    def leading(self) -> bool:
        """Whether it has a colour of its own."""
        return self.colour != OTHERS


Configuration = tuple[tuple[str, str], ...]


def configuration(entry: SegmentationResult) -> Configuration:
    """The entry's settings: the same in every table in which it stands, where its label may be shorter."""
    return tuple(entry.settings.items())


def palette(board: Leaderboard) -> dict[Configuration, str]:
    """A colour for each configuration, the best of the first table first."""
    distinct = dict.fromkeys(configuration(entry) for table in board.tables for entry in table.entries)
    return {one: PALETTE[i] if i < len(PALETTE) else OTHERS for i, one in enumerate(distinct)}


def table_styles(table: SegmentationTable, colours: dict[Configuration, str]) -> list[Style]:
    """Styles of the table's entries, in their order."""
    return [
        Style(number, without_paths(entry.label), colours[configuration(entry)])
        for number, entry in enumerate(table.entries, start=1)
    ]


def wrapped(text: str, width: int, lines: int = 3) -> str:
    """At most so many lines of so many characters, with an ellipsis where more is cut off."""
    return "\n".join(textwrap.wrap(text, width, max_lines=lines, placeholder=" …"))


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of one plot, in inches."""
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots()


def badge(axes: Axes, x: float, y: float, style: Style, size: float = 6.5) -> None:
    """The entry's number on its colour, so that marks can be told apart without colour."""
    text: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": size, "fontweight": "bold", "color": "white"}
    box = {"boxstyle": "circle,pad=0.28", "facecolor": style.colour, "edgecolor": PAPER, "linewidth": 0.8}
    axes.annotate(str(style.number), (x, y), zorder=6 - style.number / 1000, annotation_clip=False, bbox=box, **text)


def spread(values: Sequence[float], gap: float) -> list[float]:
    """Positions near the values, in their order, no two nearer than `gap`."""
    order = np.argsort(values, kind="stable")
    placed = np.asarray(values, dtype=np.float64)[order]
    for _ in range(10 * len(placed)):  # neighbours too near push each other apart by half of what is missing
        for i in range(1, len(placed)):
            missing = gap - (placed[i] - placed[i - 1])
            if missing > 1e-12:
                placed[i - 1] -= missing / 2
                placed[i] += missing / 2
    return [float(value) for value in placed[np.argsort(order)]]


def heatmap(
    axes: Axes, values: Floats, colours: Colormap, styles: Sequence[Style], text: Callable[[float], str] | None
) -> AxesImage:
    """Values from 0 to 1, a row for each style, with lines of the page between cells; `text` writes a cell's value."""
    count, columns = values.shape
    large = count <= MAX_LARGE_ROWS
    image = axes.imshow(values, cmap=colours, vmin=0, vmax=1, aspect="auto", interpolation="none")
    if text:
        for (row, column), value in np.ndenumerate(values):
            colour = "#fffffe" if sum(colours(value)[:3]) < 1.5 else ON_LIGHT
            axes.text(column, row, text(value), ha="center", va="center", fontsize=7.5, color=colour)
    names = [f"{style.number}  {wrapped(style.name, 30, 2 if large else 1)}" for style in styles]
    axes.set_yticks(range(count), names, fontsize=8.5 if large else 7)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for edge in range(count + 1):
        axes.axhline(edge - 0.5, color=PAPER, linewidth=1.2)
    for edge in range(columns + 1) if columns <= 150 else ():
        axes.axvline(edge - 0.5, color=PAPER, linewidth=0.6)
    return image


@dataclass(frozen=True)
class Picture:
    """An image of the page: a data URI, so that the page is one file; a text for those who cannot see it; its width."""

    uri: Markup
    alt: str
    width: int  # CSS pixels


def themed(text: str) -> str:
    """CSS or SVG whose colours follow the reader's system, where `THEME` stands beside it."""
    return re.sub("|".join(DARK), lambda found: f"var(--c{found[0][1:]})", text)


THEME = (
    f":root {{ color-scheme: light dark; {' '.join(f'--c{one[1:]}: {one};' for one in DARK)} }}\n"
    f"@media screen and (prefers-color-scheme: dark) {{ :root {{ "
    f"{' '.join(f'--c{one[1:]}: {dark};' for one, dark in DARK.items())} }} }}"
)


# Below, `savefig` would make the same of a figure, but draw it twice: the first time for its layout alone.


def svg(figure: Figure, alt: str) -> Picture:
    """A drawing, sharp at any size, light or dark. As an image of its own it shares no id with another."""
    file = io.StringIO()
    FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = themed(text[text.index("<svg") :]).replace("'DejaVu Sans'", FONTS)
    text = re.sub(r"\n\s*", "\n", re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL))
    text = text.replace("<defs>", f"<style>{THEME}</style>\n<defs>", 1)
    return _picture("image/svg+xml", text.encode(), alt, figure)


def webp(figure: Figure, alt: str) -> Picture:
    """An image of pixels, for slices: sharp enough to be opened large."""
    file = io.BytesIO()
    figure.set_dpi(240)
    FigureCanvasAgg(figure).print_webp(file, pil_kwargs={"quality": 88})
    return _picture("image/webp", file.getvalue(), alt, figure)


def png(figure: Figure, alt: str) -> Picture:
    """An image of pixels, on white."""
    file = io.BytesIO()
    figure.set(dpi=130, facecolor="white")
    FigureCanvasAgg(figure).print_png(file, metadata={"Software": None})
    return _picture("image/png", file.getvalue(), alt, figure)


def _picture(kind: str, data: bytes, alt: str, figure: Figure) -> Picture:
    uri = Markup(f"data:{kind};base64,{base64.b64encode(data).decode()}")
    return Picture(uri, alt, round(96 * figure.get_figwidth()))
