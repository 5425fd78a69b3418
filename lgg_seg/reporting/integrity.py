"""An integrity report, as text on a terminal."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lgg_seg.data.kaggle.index import IntegrityReport
from lgg_seg.data.kaggle.integrity import Issue, remedy

_STYLE = {"error": "bold red", "warning": "yellow", "note": "dim"}


def print_report(report: IntegrityReport, console: Console) -> None:
    """Print what was indexed and every issue; notes of one kind are one line a patient."""
    console.print(_summary(report))
    groups: defaultdict[tuple[str, str], list[Issue]] = defaultdict(list)
    for issue in report.issues:
        groups[issue.severity, issue.kind].append(issue)
    for (severity, kind), issues in groups.items():
        todo = _remedy(issues, report.index.root)
        console.print(Text(f"\n{severity}: {kind} ({len(issues)}): {todo}", style=_STYLE[severity]))
        for line in _notes(issues) if severity == "note" else map(str, issues):
            console.print(Text(f"  {line}"))
    count = Counter(issue.severity for issue in report.issues)
    console.print(Text(f"\n{count['error']} errors, {count['warning']} warnings, {count['note']} notes"))


def _summary(report: IntegrityReport) -> Table:
    index = report.index
    institutions = Counter(p.institution for p in index.patients)
    shapes = Counter(s.shape for s in index.slices)
    table = Table(title=Text(str(index.root), "table.title"), show_header=False)
    rows = {
        "patients": str(len(index.patients)),
        "slices": f"{len(index.slices)}, {sum(s.tumour_pixels > 0 for s in index.slices)} with tumour",
        "size": ", ".join(f"{h} x {w} pixels ({n})" for (h, w), n in shapes.most_common()),
        "institutions": ", ".join(f"{name} {n}" for name, n in institutions.most_common()),
        "FLAIR in place of": "\n".join(
            f"{' and '.join(p.substituted)}: {p.name}" for p in index.patients if p.substituted
        )
        or "nothing",
        "without clinical row": ", ".join(p.name for p in index.patients if not p.clinical) or "nobody",
        "published checksums": f"of {report.covered} of {len(index.patients)} patients, compared pixel by pixel",
        "fingerprint": index.fingerprint,
    }
    for name, value in rows.items():
        table.add_row(name, Text(value))
    return table


def _remedy(issues: Sequence[Issue], root: Path) -> str:
    """A kind's remedy is written for its severest issue; a lesser one of the kind is only worth a look."""
    if issues[0].kind == "blank" and issues[0].severity != "error":
        return "usual at the ends of a volume"
    return remedy(issues[0].kind, root)


def _notes(issues: Sequence[Issue]) -> list[str]:
    firsts = {issue.patient: str(issue) for issue in reversed(issues)}
    counts = Counter(issue.patient for issue in issues)
    return [firsts[name] + (f" (and {n - 1} more of this patient)" if n > 1 else "") for name, n in counts.items()]
