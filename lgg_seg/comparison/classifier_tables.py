"""Classifiers in tables, each of entries that may stand together, ranked by the ROC area of their slices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lgg_seg.comparison import configurations
from lgg_seg.comparison.classifier_results import HEADLINE, ClassifierResult, merge
from lgg_seg.comparison.comparability import Comparability, why_apart
from lgg_seg.comparison.runs import Run
from lgg_seg.metrics.arrays import Floats
from lgg_seg.statistics.bootstrap import RESAMPLES, Interval, percentile_interval
from lgg_seg.statistics.paired import ALPHA, holm

METHOD: Final = (
    f"Classifiers are ranked by the area under the ROC curve of all slices together, which is no mean over patients: "
    f"its interval, and that of a difference to the best, is a percentile bootstrap over whole patients "
    f"({RESAMPLES:,} resamples, in each all classifiers on the same ones), and p is twice the smaller share of "
    f"resamples in which the difference has one sign, Holm-corrected over all comparisons with the best, which was "
    f"picked on these same patients, so that its lead is somewhat overstated."
)


@dataclass(frozen=True)
class AreaDifference:
    """An entry's ROC area minus that of the best, with its interval; None for one patient."""

    mean: float
    ci95: Interval
    p_value: float | None
    p_holm: float | None

    @property
    def worse(self) -> bool:
        """Whether the data tell it from the best one."""
        return self.p_holm is not None and self.p_holm < ALPHA and self.ci95 is not None and self.ci95[1] < 0


@dataclass(frozen=True)
class ClassifierTable:
    """Entries of one contract and one question, the best first.

    `differences` are those of all entries but the first, in their order. `reason` says why they stand apart from the
    first table of classifiers; it is empty for that one, unless it leaks.
    """

    target: str
    comparability: Comparability
    reason: str
    entries: tuple[ClassifierResult, ...]
    differences: tuple[AreaDifference, ...]

    @property
    def verdict(self) -> str:
        """What the data say and what they cannot say."""
        best, patients = self.entries[0], len(self.comparability.patients)
        area = best.estimates[HEADLINE].value
        if area is None:
            return f"The slices of these {patients} patients are of one class alone: there is no ROC curve."
        pairs = list(zip(self.entries[1:], self.differences, strict=True))
        if not pairs:
            return f"{best.label} (AUROC {area:.3f}, {patients} patients) is the only classifier here."
        near = [entry.label for entry, difference in pairs if not difference.worse]
        worse = [entry.label for entry, difference in pairs if difference.worse]
        sentences = [f"{best.label} has the highest AUROC ({area:.3f}, {patients} patients)."]
        if near:
            sentences.append(f"These patients cannot separate it from {', '.join(near)}.")
        if worse:
            sentences.append(f"Clearly worse: {', '.join(worse)}.")
        return " ".join(sentences)


def classifier_tables(runs: Sequence[Run]) -> tuple[ClassifierTable, ...]:
    """Merge, sort into tables, rank. Honest tables come first, then those with more entries, then more patients."""
    groups: dict[tuple[str, Comparability], list[ClassifierResult]] = defaultdict(list)
    for entry in merge(runs) if runs else []:
        groups[entry.target, entry.comparability].append(entry)

    def order(key: tuple[str, Comparability]) -> tuple[bool, bool, int, int]:
        protocol, patients = key[1].protocol, key[1].patients
        return protocol.leaky, protocol.truncated, -len(groups[key]), -len(patients)

    ordered = sorted(groups, key=order)
    return tuple(_table(key, groups[key], _reason(key, ordered[0])) for key in ordered)


def _reason(key: tuple[str, Comparability], first: tuple[str, Comparability]) -> str:
    other = [f"another question: {key[0]}, not {first[0]}"] if key[0] != first[0] else []
    return "; ".join([*other, *filter(None, [why_apart(key[1], first[1])])])


def _table(key: tuple[str, Comparability], entries: Sequence[ClassifierResult], reason: str) -> ClassifierTable:
    names = configurations.labels([e.settings for e in entries], [e.label for e in entries])
    named = [replace(entry, label=name) for entry, name in zip(entries, names, strict=True)]
    best, *others = sorted(named, key=lambda e: (-(e.estimates[HEADLINE].value or 0.0), e.label))
    several = len(key[1].patients) > 1
    drawn = [_known(entry.auroc - best.auroc) if several else np.array([]) for entry in others]
    p_values = [_p_value(gap) for gap in drawn]
    corrected = holm(p_values) if p_values else []
    return ClassifierTable(
        target=key[0],
        comparability=key[1],
        reason=reason,
        entries=(best, *others),
        differences=tuple(
            _difference(entry, best, gap, p, p_holm)
            for entry, gap, p, p_holm in zip(others, drawn, p_values, corrected, strict=True)
        ),
    )


def _difference(
    entry: ClassifierResult, best: ClassifierResult, drawn: Floats, p_value: float, p_holm: float
) -> AreaDifference:
    mean = (entry.estimates[HEADLINE].value or 0.0) - (best.estimates[HEADLINE].value or 0.0)
    if not drawn.size:
        return AreaDifference(mean, None, None, None)
    return AreaDifference(mean, percentile_interval(drawn), p_value, p_holm)


def _known(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _p_value(drawn: Floats) -> float:
    """Never 0: a resample more, of no difference, is counted on either side."""
    smaller = min(int((drawn <= 0).sum()), int((drawn >= 0).sum())) + 1
    return min(1.0, 2 * smaller / (drawn.size + 1))
