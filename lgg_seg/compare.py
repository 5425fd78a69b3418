"""`python -m lgg_seg.compare FOLDER…`: finished runs in a leaderboard, with statistics and a report."""

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from lgg_seg.cli.arguments import Argument, help_lines, parse_arguments, several, wants_help
from lgg_seg.cli.console import command
from lgg_seg.cli.logs import configure_logs
from lgg_seg.errors import UserError

if TYPE_CHECKING:
    from lgg_seg.comparison.leakage import LeakageTable
    from lgg_seg.comparison.tables import Leaderboard
    from lgg_seg.runs.folder import RunFolder

MAX_NAMED = 4  # folders in a command that is printed, where no one folder has them all


def compare_folders(folders: Sequence[Path], output: Path) -> "Leaderboard":
    """Compare every run in or below the folders and print the result; classifiers are in tables of their own.

    Writes `leaderboard.csv`, `leaderboard.md`, `leaderboard.html` and `wandb_report.json` into `output`, and `leak.csv`
    where a configuration was measured by patient and with a leak. The runs of one search are ranked by validation.
    """
    from lgg_seg.comparison.leakage import leakage_tables
    from lgg_seg.comparison.runs import find_runs
    from lgg_seg.comparison.search import read_search
    from lgg_seg.comparison.tables import build_leaderboard

    found = find_runs(folders)  # or the mistake, before the seconds that the next imports take

    from lgg_seg.reporting.html import write_report
    from lgg_seg.reporting.leaderboard import classifiers_markdown, markdown, print_classifiers, print_leaderboard
    from lgg_seg.reporting.leakage import leakage_markdown, print_leakage
    from lgg_seg.reporting.wandb.report import spec
    from lgg_seg.runs.folder import RunFolder

    searches = [search for one in {output, *folders} if (search := read_search(one))]
    board = build_leaderboard(found, searches[0] if len(searches) == 1 else None)
    leakage = leakage_tables(board)
    folder = RunFolder(output)
    folder.remedy = "choose another output=."
    write_tables(board, leakage, folder)
    parts = (markdown(board), leakage_markdown(leakage), classifiers_markdown(board.classifiers))
    folder.write_text("leaderboard.md", "".join(parts))
    write_report(board, folder.path / "leaderboard.html", leakage)
    folder.write_text("wandb_report.json", spec(board))
    print_leaderboard(board)
    print_leakage(leakage)
    print_classifiers(board.classifiers)
    print(f"leaderboard.html, .md and .csv are in {folder.display_path}")
    together = len(folders) > MAX_NAMED or all(one.is_relative_to(output) for one in folders)
    named = shlex.join(str(one) for one in ([output] if together else folders))
    print(f"wandb_report.json is a W&B report; to publish it: python -m lgg_seg.compare {named} wandb=ENTITY/PROJECT")
    return board


def write_tables(board: "Leaderboard", leakage: Sequence["LeakageTable"], folder: "RunFolder") -> None:
    """`leaderboard.csv`, and `leak.csv` where there is a leak to measure."""
    import pandas as pd

    from lgg_seg.reporting.leaderboard import rows
    from lgg_seg.reporting.leakage import leakage_rows

    folder.write_table("leaderboard.csv", pd.DataFrame(rows(board)).convert_dtypes())
    if leakage:
        folder.write_table("leak.csv", leakage_rows(leakage))


def options(
    output: Annotated[
        Path | None, Argument("where to write; by default the folder, of several a new one in runs/comparisons")
    ] = None,
    wandb: Annotated[str | None, Argument("ENTITY/PROJECT of Weights & Biases to publish a report to")] = None,
) -> tuple[Path | None, str | None]:
    """Put every run in or below the folders into one leaderboard, with statistics and a report."""
    return output, wandb


@command
def main(arguments: list[str]) -> int:
    if wants_help(arguments):
        print(f"usage: python -m lgg_seg.compare FOLDER…|latest [key=value …]\n\n{help_lines(options)}")
        return 0
    named: list[str] = []
    words: list[str] = []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key == "run":  # as the other commands have it
            named += several(value)
        else:
            (words if equals else named).append(argument)
    output, wandb = options(**parse_arguments(words, options))
    if not named:
        raise UserError("Which runs? Give the folders of runs or sweeps: python -m lgg_seg.compare runs/sweeps.")
    from lgg_seg.runs.latest import find_run

    configure_logs()
    folders = [find_run(Path(one)) for one in named]
    if output is None:
        one = len(folders) == 1
        output = folders[0] if one else Path("runs/comparisons") / time.strftime("%Y-%m-%d_%H-%M-%S")
    board = compare_folders(folders, output)
    if wandb is not None:
        from lgg_seg.reporting.wandb.report import publish

        print(f"published: {publish(board, wandb)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
