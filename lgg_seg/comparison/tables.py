"""The leaderboard: results of all runs in tables of comparable ones, ranked, and the runs without a result."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lgg_seg.comparison import configurations
from lgg_seg.comparison.classification import ClassifierResult, ClassifierTable
from lgg_seg.comparison.comparability import Comparability, why_apart
from lgg_seg.comparison.results import Result
from lgg_seg.comparison.runs import Run
from lgg_seg.comparison.search import Search
from lgg_seg.comparison.segmentation import SegmentationResult, SegmentationTable
from lgg_seg.runs.identity import configuration_identity
from lgg_seg.statistics.ranks import DECIMALS


@dataclass(frozen=True)
class Unmeasured:
    """A run without a result: `run.state` and `run.reason` say why."""

    label: str
    settings: dict[str, str]
    run: Run

    @property
    def status(self) -> str:
        return self.run.state

    @property
    def notes(self) -> tuple[str, ...]:
        """Why there is no result, where it is known."""
        return (self.run.reason,) if self.run.reason else ()


@dataclass(frozen=True)
class Leaderboard:
    """Tables of segmentation networks and of classifiers, the runs without a result, and the search they are of.

    The tables of a search are in the order of the validation score; no trial is compared with another by the test.
    """

    tables: tuple[SegmentationTable, ...]
    classifiers: tuple[ClassifierTable, ...]
    unmeasured: tuple[Unmeasured, ...]
    search: Search | None = None

    @property
    def runs(self) -> list[Run]:
        """Every run in a table of segmentation networks."""
        return [run for table in self.tables for run in table.runs]


def build_leaderboard(runs: Sequence[Run], search: Search | None = None) -> Leaderboard:
    """Merge, group into tables, rank. Tables without a leak come first, then those with more patients, more entries."""
    settings = configurations.settings([run for run in runs if run.config])
    measured = [run for run in runs if run.result]
    segmentation = SegmentationResult.of_runs((run for run in measured if not run.classifies), settings)
    classifying = [run for run in measured if run.classifies]
    # Classifiers are named by what differs between classifiers.
    classifiers = ClassifierResult.of_runs(classifying, configurations.settings(classifying))
    table = SegmentationTable.by_validation if search else SegmentationTable.ranked
    return Leaderboard(
        tables=tuple(table(*group) for group in _comparable(segmentation, by_validation=search is not None)),
        classifiers=tuple(ClassifierTable.ranked(*group) for group in _comparable(classifiers)),
        unmeasured=tuple(_unmeasured(runs, settings)),
        search=search,
    )


def _comparable(results: Iterable[Result], by_validation: bool = False) -> Iterator[tuple[list[Result], str]]:
    """Groups of comparable results in the order of their ranks, each with the reason why it is not in the first."""
    groups: dict[Comparability, list[Result]] = defaultdict(list)
    for result in results:
        groups[result.comparability].append(result)
    ordered = sorted(groups, key=lambda c: (c.leaky, c.protocol.truncated, -len(c.patients), -len(groups[c])))
    for comparability in ordered:
        group = groups[comparability]
        # What differs from other tables alone would only lengthen the labels.
        labels = configurations.labels([one.runs[0] for one in group], [one.settings for one in group])
        labelled = [replace(one, label=label) for one, label in zip(group, labels, strict=True)]
        # Rounded as in the tests of differences: the order in which seeds are added up decides no rank.
        scores = [round(one.validation_score if by_validation else one.score, DECIMALS) for one in labelled]
        order = sorted(zip(scores, labelled, strict=True), key=lambda pair: (-pair[0], pair[1].label))
        ranked = enumerate((one for _, one in order), start=1)
        yield [replace(one, rank=rank) for rank, one in ranked], why_apart(comparability, ordered[0])


def _unmeasured(runs: Sequence[Run], settings: Mapping[str, dict[str, str]]) -> Iterator[Unmeasured]:
    """Runs without a result, except those that were repeated with one."""
    done = {_key(run) for run in runs if run.result}
    labels = configurations.names([run for run in runs if run.config], settings)
    for run in runs:
        if run.result:
            continue
        if not run.config:
            yield Unmeasured(run.folder.name, {}, run)
        elif _key(run) not in done:
            identity = configuration_identity(run.config)
            fold = [] if run.fold is None else [f"fold={run.fold}"]
            yield Unmeasured(", ".join([labels[identity], f"seed={run.seed}", *fold]), settings[identity], run)


def _key(run: Run) -> tuple[str, int, int | None]:
    return configuration_identity(run.config), run.seed, run.fold
