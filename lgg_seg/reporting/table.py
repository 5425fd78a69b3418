"""One list of columns, written as a table for a terminal, for Markdown, or as rows of a CSV."""

import html
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from lgg_seg.reporting.formatting import ABSENT

NAME = 45  # characters of a name that stay on one line where there is room
Function = Callable[[Any], Any]  # from a row to a value or text


@dataclass(frozen=True)
class Column:
    """A column of a table over rows of any one type.

    `key` and `value` are for programs: without a key, the column is in no CSV. `title` (with its unit) is for people:
    without one, the column is in a CSV alone. `format` makes the cell's text of the value; where the text says more
    than the value, `text` makes it of the row. `group` heads the column in the HTML page. `better` is +1 where larger
    is better, -1 where smaller is, 0 where neither. `left` columns hold words, which wrap; numbers do not.
    """

    key: str = ""
    title: str | None = None
    value: Function = lambda _: None
    format: Callable[[Any], str] = str
    text: Callable[[Any], str] | None = None
    group: str = ""
    better: int = 0
    left: bool = False

    def cell(self, row: Any) -> str:
        """The text of a row; a dash for None."""
        if self.text is not None:
            return self.text(row)
        value = self.value(row)
        return ABSENT if value is None else self.format(value)


def bounds(key: str, ci95: Function) -> list[Column]:
    """The ends of an interval, which only a CSV has in columns of their own."""
    return [
        Column(f"{key}_low", None, lambda row: (ci95(row) or (None, None))[0]),
        Column(f"{key}_high", None, lambda row: (ci95(row) or (None, None))[1]),
    ]


def select(columns: Iterable[Column], *keys: str) -> list[Column]:
    """The columns of these keys, in the order of the keys."""
    by_key = {column.key: column for column in columns}
    return [by_key[key] for key in keys]


def csv_rows(columns: Sequence[Column], rows: Iterable[Any]) -> list[dict[str, Any]]:
    """The values of each row, by key."""
    return [{column.key: column.value(row) for column in columns if column.key} for row in rows]


def text_table(columns: Sequence[Column], rows: Iterable[Any]) -> list[list[str]]:
    """The titles, then the texts of each row."""
    visible = [column for column in columns if column.title is not None]
    return [[column.title or "" for column in visible], *([column.cell(row) for column in visible] for row in rows)]


def markdown_table(columns: Sequence[Column], rows: Iterable[Any]) -> str:
    """The table in Markdown; a cell holds neither its bars nor HTML, which Markdown lets through."""
    cells = [
        [html.escape(text, quote=False).replace("|", "\\|").replace("\n", " ") for text in line]
        for line in text_table(columns, rows)
    ]
    cells.insert(1, ["---"] * len(cells[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


class Words(Text):
    """Text that, where a word is wider than its column, breaks it after one of `=_/`, as in `unet_` and `bn`."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[Segment]:
        broken = Text(_broken(self.plain, options.max_width), self.style, overflow=self.overflow)
        yield from broken.__rich_console__(console, options)


def _broken(text: str, width: int) -> str:
    words = []
    for word in text.split(" "):
        lines, parts = [""], [word]
        for marks in ("=", "=_/"):
            if max(map(len, parts)) > width:
                parts = re.findall(f"[^{marks}]+[{marks}]*|[{marks}]+", word)
        for part in parts:
            if len(lines[-1]) + len(part) > width and lines[-1]:
                lines.append("")
            lines[-1] += part
        words.append("\n".join(lines))
    return " ".join(words)


def rich_table(
    columns: Sequence[Column],
    rows: Sequence[Any],
    title: str,
    caption: str | None = None,
    style: Callable[[Any], str | None] = lambda _: None,
) -> Table:
    """The table for a terminal; `style` is that of a row. All is Text, as rich reads square brackets in a str."""
    table = Table(title=Text(title, "table.title"), title_justify="left", caption_justify="left")
    table.caption = Text(caption, "table.caption") if caption else None
    for column in columns:
        justify: Literal["left", "right"] = "left" if column.left else "right"
        table.add_column(Text(column.title or ""), justify=justify, no_wrap=not column.left, overflow="fold")
    kinds = [Words if column.left else Text for column in columns]
    for row, texts in zip(rows, text_table(columns, rows)[1:], strict=True):
        table.add_row(*(kind(text) for kind, text in zip(kinds, texts, strict=True)), style=style(row))
    return table


def fitting_table(
    console: Console, columns: Sequence[Column], optional: Sequence[Column], rows: Sequence[Any], *rest: Any
) -> Table:
    """`rich_table` with as many of the optional columns as fit the terminal; names longer than `NAME` wrap for them."""
    unbounded = console.options.update(width=1000)
    names = [[len(column.cell(row)) for row in rows] for column in columns if column.left]
    wrapping = sum(max(0, max(lengths, default=0) - NAME) for lengths in names)
    for count in range(len(optional), 0, -1):
        table = rich_table([*columns, *optional[:count]], rows, *rest)
        if console.measure(table, options=unbounded).maximum - wrapping <= console.width:
            return table
    return rich_table(columns, rows, *rest)
