"""One list of columns gives the same cells on a terminal and in Markdown, and plain values in a CSV."""

from __future__ import annotations

import io
from operator import itemgetter

from rich.console import Console

from lgg_seg.reporting.columns import segmentation_columns
from lgg_seg.reporting.table import Column, bounds, csv_rows, fitting_table, markdown_table, rich_table

ROWS = [{"name": "a|b <i> [/x]", "dice": 0.875, "ci95": (0.75, 1.0)}, {"name": "c", "dice": None, "ci95": None}]
COLUMNS = [
    Column("name", "network", itemgetter("name"), left=True),
    Column("dice", "Dice", itemgetter("dice"), "{:.3f}".format),
    *bounds("dice", itemgetter("ci95")),
    Column("", "shout", text=lambda row: row["name"].upper()),
]


def printed(width: int) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width)
    console.print(fitting_table(console, COLUMNS[:1], COLUMNS[1:2], ROWS, "[/title]", "[/caption]"))
    return file.getvalue()


def test_a_csv_has_values_of_columns_with_a_key() -> None:
    assert csv_rows(COLUMNS, ROWS) == [
        {"name": "a|b <i> [/x]", "dice": 0.875, "dice_low": 0.75, "dice_high": 1.0},
        {"name": "c", "dice": None, "dice_low": None, "dice_high": None},
    ]


def test_markdown_has_texts_of_columns_with_a_title_and_escapes_them() -> None:
    assert markdown_table(COLUMNS, ROWS).splitlines() == [
        "| network | Dice | shout |",
        "| --- | --- | --- |",
        r"| a\|b &lt;i&gt; [/x] | 0.875 | A\|B &lt;I&gt; [/X] |",
        "| c | - | C |",
    ]


def test_the_headers_of_a_patient_metric_say_that_it_is_a_mean() -> None:
    titles = {column.key: column.title for column in segmentation_columns()}
    assert titles["patient_hd95_px"] == "mean HD95, px"
    assert titles["patient_dice"] == "mean patient Dice (95 %)"
    assert titles["patient_dice_median"] == "median"


def test_a_terminal_prints_brackets_and_drops_columns_that_do_not_fit() -> None:
    wide = printed(80)
    assert all(text in wide for text in ("a|b <i> [/x]", "0.875", "[/title]", "[/caption]"))
    assert "Dice" not in printed(20)


def test_a_name_that_is_wider_than_its_column_breaks_between_its_parts() -> None:
    file = io.StringIO()
    name = "smp, architecture=Segformer, encoder=mit_b0, weights=null"
    table = rich_table(COLUMNS[:1], [{"name": name}, {"name": "unet_efficientnet"}], "")
    Console(file=file, width=18).print(table)
    lines = [line.strip("│ ") for line in file.getvalue().splitlines() if line.startswith("│")]
    segformer = ["smp,", "architecture=", "Segformer,", "encoder=", "mit_b0,", "weights=null"]
    assert lines == [*segformer, "unet_", "efficientnet"]


def test_a_word_without_parts_is_cut_with_no_line_left_empty() -> None:
    columns = [Column("name", "name", itemgetter(0), left=True), Column("dice", "Dice", itemgetter(1))]
    file = io.StringIO()
    table = rich_table(columns, [("a-word-of-33-characters-and-no-parts", "0.734 (0.630 to 0.824)")], "title")
    Console(file=file, width=50).print(table)
    (cut, rest) = file.getvalue().splitlines()[4:-1]
    assert "0.734 (0.630 to 0.824)" in cut
    assert rest.replace("│", "").strip()


def test_a_row_has_its_style() -> None:
    table = rich_table(COLUMNS[:1], ROWS, "title", style=lambda row: "bold" if row["dice"] else None)
    assert [row.style for row in table.rows] == ["bold", None]
