"""The verdict of a comparison in plain sentences."""

from collections.abc import Collection, Sequence

from lgg_seg.messages import counted
from lgg_seg.statistics.paired import ALPHA, Comparison, Difference

MAX_NAMED = 3  # configurations of a group


def verdict(comparison: Comparison, single: Collection[str] = ()) -> str:
    """Which configuration is best, which ones the data cannot separate from it, and which are worse.

    At most three sentences; of a group, the nearest to the best stands for all. `single` are those with one seed, of
    which none is clearly worse: `in_words`.
    """
    best, score, patients = comparison.best, f"mean {comparison.mean:.3f}", comparison.patients
    others = comparison.differences
    if not others:
        of = counted(patients, "patient")
        return f"{best} ({score}, {of}) is the only configuration: there is nothing to compare it with."
    if patients == 1:
        names = listed([one.name for one in others])
        return f"A single patient cannot separate {best} ({comparison.mean:.3f}) from {names}."
    groups = {kind: [d for d in others if d.significance == kind] for kind in ("inseparable", "worse", "contradictory")}
    p_name = "p" if len(others) == 1 else "Holm-corrected p"
    sentences = []
    if near := groups["inseparable"]:
        who = f"{best} ({score})" if near[0].mean == 0 else f"the best, {best} ({score}),"
        sentences.append(f"These {patients} patients cannot separate {who} from {_nearest(near, p_name)}.")
    else:
        sentences.append(f"{best} has the highest mean ({comparison.mean:.3f}, {patients} patients).")
    if worse := groups["worse"]:
        verb = "is" if len(worse) == 1 else "are"
        words = in_words(single, [best, *(one.name for one in worse)])
        sentences.append(f"{_nearest(worse, p_name)} {verb} {words}.")
    if mixed := groups["contradictory"]:
        verb = "does" if len(mixed) == 1 else "do"
        sentences.append(
            f"{_nearest(mixed, p_name)} {verb} better by ranks than {best} though not by the mean: a little is gained "
            "on many patients and much lost on a few."
        )
    return " ".join(sentences)


def in_words(single: Collection[str], names: Sequence[str]) -> str:
    """What the worse of these are called: clearly worse only if all have several seeds, as the tests know of patients
    alone, and nothing of how much a training varies."""
    alone = [name in single for name in names]
    if not any(alone):
        return "clearly worse"
    return "worse on these patients" + (", with one seed" if all(alone) else "")


def listed(names: Sequence[str], most: int = MAX_NAMED) -> str:
    """At most so many names: `A and B`, `A, B and C`, `A and 4 others`."""
    if len(names) == 1:
        return names[0]
    if len(names) > most:
        return f"{names[0]} and {len(names) - 1} others"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def too_few(comparison: Comparison) -> str:
    """A sentence if no p could be under 0.05: the smallest of n differences is 2 / 2^n, by Holm m times that."""
    others = comparison.differences
    differing = max((d.patients - d.zeros for d in others), default=0)
    smallest = min(1.0, len(others) * 2.0 ** (1 - differing))
    if differing == 0 or comparison.patients == 1 or smallest < ALPHA:
        return ""
    who = counted(differing, "patient") + (" that differ" if differing < comparison.patients else "")
    family = f" and Holm's correction for {len(others)} comparisons" if len(others) > 1 else ""
    return f"A signed-rank test of {who}{family} cannot reach p < {ALPHA}: {smallest:.3g} is the smallest."


def _nearest(group: Sequence[Difference], p_name: str) -> str:
    """The names of a group, with the figures of the first, which is the nearest."""
    nearest = group[0]
    text = f"{nearest.name} ({_figures(nearest, p_name)})"
    return listed([text, *(one.name for one in group[1:])])


def _figures(difference: Difference, p_name: str) -> str:
    if difference.zeros == difference.patients:
        return "the same value for every patient"
    mean, p = difference.mean, difference.p_holm
    assert difference.ci95 is not None, "a single patient"
    assert p is not None, "a single patient"
    low, high = difference.ci95
    return f"{mean:z.3f}, {low:z.3f} to {high:z.3f}, {p_name} {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
