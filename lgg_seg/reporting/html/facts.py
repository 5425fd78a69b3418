"""Where the numbers come from, and what a reader should be warned of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lgg_seg.comparison.runs import Run
from lgg_seg.comparison.tables import Leaderboard
from lgg_seg.reporting.html.paths import link

UNKNOWN = "not recorded"


@dataclass(frozen=True)
class RunLine:
    """A row of the list of runs."""

    table: int
    configuration: str
    name: str
    href: str | None
    seed: int
    fold: str
    commit: str
    hardware: str
    precision: str
    ended: str


def commit(run: Run) -> str:
    """Seven digits, and whether files differed from it."""
    code = run.provenance.get("code", {})
    if not code.get("commit"):
        return UNKNOWN
    return f"{code['commit'][:7]}{' + changes' if code.get('dirty') else ''}"


def hardware(run: Run) -> str:
    """The GPU, or the processor."""
    facts = run.provenance.get("hardware", {})
    return str(facts.get("gpu") or facts.get("processor") or facts.get("device") or UNKNOWN)


def precision(run: Run) -> str:
    """Of the arithmetic."""
    return str(run.provenance.get("precision", UNKNOWN))


def day(stamp: str) -> str:
    """The date of a time stamp."""
    return stamp[:10] or UNKNOWN


def days(runs: Sequence[Run]) -> str:
    """From the first to the last end of a run."""
    known = sorted(day(run.updated) for run in runs)
    return known[0] if known[0] == known[-1] else f"{known[0]} to {known[-1]}"


def warnings(runs: Sequence[Run]) -> list[str]:
    """What is not the same for all runs though it may move a number, and code that no commit holds."""
    found = []
    codes = Counter(commit(run).partition(" ")[0] if commit(run) != UNKNOWN else UNKNOWN for run in runs)
    if len(codes) > 1:
        found.append(f"The runs come from different code: {_counted(codes)}.")
    changed = sum(bool(run.provenance.get("code", {}).get("dirty")) for run in runs)
    if changed:
        found.append(
            f"{_of(changed, len(runs))} made by code with changes that no commit holds, and cannot be made again from "
            "a commit alone."
        )
    if codes.get(UNKNOWN) == len(runs):
        found.append("No run recorded the commit of its code.")
    kinds: tuple[tuple[str, Callable[[Run], str]], ...] = (
        ("The runs come from different hardware, so their times cannot be compared", hardware),
        ("The runs were computed in different precisions", precision),
        ("The runs come from different releases of PyTorch", _torch),
    )
    for words, fact in kinds:
        values = Counter(fact(run) for run in runs)
        if len(values) > 1:
            found.append(f"{words}: {_counted(values)}.")
    return found


def run_lines(board: Leaderboard, page: Path) -> list[RunLine]:
    """Every run that a table shows, in the tables' order."""
    return [
        RunLine(
            table=number,
            configuration=entry.label,
            name=run.place.name,
            href=link(run.place, page),
            seed=run.seed,
            fold="" if run.fold is None else str(run.fold),
            commit=commit(run),
            hardware=hardware(run),
            precision=precision(run),
            ended=day(run.updated),
        )
        for number, table in enumerate(board.tables, start=1)
        for entry in table.entries
        for run in entry.runs
    ]


def _torch(run: Run) -> str:
    return str(run.provenance.get("versions", {}).get("torch", UNKNOWN))


def _counted(values: Counter[str]) -> str:
    ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} ({count} run{'s' * (count > 1)})" for name, count in ordered)


def _of(part: int, whole: int) -> str:
    if part == whole:
        return "Every run was" if whole > 1 else "The run was"
    return f"{part} of {whole} runs {'was' if part == 1 else 'were'}"
