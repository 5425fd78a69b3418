"""The verdict of a comparison in plain sentences."""

from collections.abc import Sequence

from lgg_seg.statistics.paired import ALPHA, Comparison, Difference


def verdict(comparison: Comparison) -> str:
    """Which configuration is best, which ones the data cannot separate from it, and which are clearly worse.

    It also says where the patients are too few: one alone, or so few that no signed-rank test of them could give a p
    under 0.05.
    """
    best, score, patients = comparison.best, f"mean {comparison.mean:.3f}", comparison.patients
    others = comparison.differences
    if not others:
        return f"{best} ({score}, {_count(patients)}) is the only configuration: there is nothing to compare it with."
    if patients == 1:
        return f"A single patient cannot separate {best} ({comparison.mean:.3f}) from {_listed(others)}."
    groups = {kind: [d for d in others if d.significance == kind] for kind in ("inseparable", "worse", "contradictory")}
    p_name = "p" if len(others) == 1 else "Holm-corrected p"
    sentences = []
    if near := groups["inseparable"]:
        who = f"{best} ({score})" if near[0].mean == 0 else f"the best, {best} ({score}),"
        sentences.append(
            f"These {patients} patients cannot separate {who} from {_listed(near)}: {_nearest(near, p_name)}."
        )
    else:
        sentences.append(f"{best} has the highest mean ({comparison.mean:.3f}, {patients} patients).")
    if worse := groups["worse"]:
        verb = "is" if len(worse) == 1 else "are"
        sentences.append(f"{_listed(worse)} {verb} clearly worse: {_nearest(worse, p_name)}.")
    sentences += [
        f"{d.name} does better by ranks than {best} though its mean is no higher: it gains a little on many patients "
        f"and loses much on a few ({_figures(d, p_name)})."
        for d in groups["contradictory"]
    ]
    return " ".join([*sentences, *_too_few(others)])


def _nearest(group: Sequence[Difference], p_name: str) -> str:
    nearest = group[0]
    who = nearest.name if len(group) == 1 else f"{nearest.name}, the nearest,"
    if nearest.zeros == nearest.patients:
        return f"{who} has the same value for every patient"
    return f"{who} {_figures(nearest, p_name)}"


def _figures(difference: Difference, p_name: str) -> str:
    mean, p = difference.mean, difference.p_holm
    assert difference.ci95 is not None, "a single patient"
    assert p is not None, "a single patient"
    low, high = difference.ci95
    return f"differs by {mean:z.3f} ({low:z.3f} to {high:z.3f}), {p_name} {'< 0.001' if p < 0.001 else f'= {p:.3g}'}"


def _too_few(others: Sequence[Difference]) -> list[str]:
    """A sentence if no p could be under 0.05: the smallest of n differences is 2 / 2^n, by Holm m times that."""
    differing = max(d.patients - d.zeros for d in others)
    smallest = min(1.0, len(others) * 2.0 ** (1 - differing))
    if differing == 0 or smallest < ALPHA:
        return []
    who = _count(differing) + (" that differ" if differing < others[0].patients else "")
    family = f" and Holm's correction for {len(others)} comparisons" if len(others) > 1 else ""
    return [f"A signed-rank test of {who}{family} cannot reach p < {ALPHA}: {smallest:.3g} is the smallest."]


def _count(patients: int) -> str:
    return "1 patient" if patients == 1 else f"{patients} patients"


def _listed(group: Sequence[Difference]) -> str:
    *first, last = [d.name for d in group]
    return f"{', '.join(first)} and {last}" if first else last
