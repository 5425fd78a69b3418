"""Runs of one configuration as one line of a table: folds merged into out-of-fold patients, seeds averaged."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lgg_seg.metrics.bootstrap import summarise
from lgg_seg.reporting.comparison import configurations
from lgg_seg.reporting.comparison.contract import Contract, Rules, rules_of
from lgg_seg.reporting.comparison.numbers import Metrics, averaged, measures, single_run_costs
from lgg_seg.reporting.comparison.runs import Run


@dataclass(frozen=True)
class Entry:
    """One configuration.

    `seeds` maps each seed to its runs, one a fold, which together measured every patient of `contract`. `patients` has
    a row a patient (index: the patient's name), every number averaged over the seeds. `metrics` are as in
    `metrics.json`. `notes` say what was left out.
    """

    label: str
    settings: dict[str, str]
    contract: Contract
    seeds: dict[int, tuple[Run, ...]]
    patients: pd.DataFrame = field(repr=False, compare=False)
    metrics: Metrics = field(repr=False)
    cost: dict[str, float | None] = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def runs(self) -> list[Run]:
        """Every run of it, seed by seed."""
        return [run for runs in self.seeds.values() for run in runs]

    @property
    def folds(self) -> int:
        """How many folds a seed was trained in; 1 where there is no cross-validation."""
        return len(next(iter(self.seeds.values())))

    @property
    def seed_dice(self) -> dict[int, float]:
        """Mean patient Dice by seed."""
        return {
            seed: float(np.mean(np.concatenate([_patients(run)["dice"].to_numpy() for run in runs])))
            for seed, runs in self.seeds.items()
        }

    @property
    def seed_spread(self) -> float | None:
        """Standard deviation of the mean patient Dice between seeds; None with a single one."""
        dice = list(self.seed_dice.values())
        return float(np.std(dice, ddof=1)) if len(dice) > 1 else None


def merge(runs: Iterable[Run], settings: Mapping[str, dict[str, str]]) -> list[Entry]:
    """The measured ones among the runs as entries, in the order of their first run.

    `settings` are those of `configurations.settings`, perhaps over more runs than these.
    """
    groups: dict[tuple[str, Rules], list[Run]] = defaultdict(list)
    for run in runs:
        if run.result is not None and "patient/dice" in run.result["metrics"]:  # a classifier has none
            groups[configurations.identity(run.config), rules_of(run)].append(run)
    return [_entry(group, rules, settings[name]) for (name, rules), group in groups.items()]


@dataclass(frozen=True)
class Merged:
    """Runs of one configuration by seed, one a fold: those seeds that measured `patients`, the most that any did.

    `slices` is a digest of the slices measured.
    """

    seeds: dict[int, tuple[Run, ...]]
    patients: frozenset[str]
    slices: str
    notes: tuple[str, ...]


def merge_seeds(runs: Sequence[Run]) -> Merged:
    """Sort measured runs of one configuration by seed and fold; of repetitions the latest counts."""
    notes: list[str] = []
    by_seed: dict[int, dict[int | None, Run]] = defaultdict(dict)
    for run in sorted(runs, key=lambda run: run.updated):
        if run.fold in by_seed[run.seed]:
            notes.append(f"seed {run.seed} was run more than once; the latest counts")
        by_seed[run.seed][run.fold] = run
    if any(_overlap(folds.values()) for folds in by_seed.values()):
        # Measured on another tree, the folds are so many networks for the same patients.
        notes.append("the networks of the folds measured the same patients, so they are averaged as seeds are")
        repetitions = [run for folds in by_seed.values() for run in folds.values()]
        by_seed = defaultdict(dict, {number: {None: run} for number, run in enumerate(repetitions)})
    covered = {seed: _names(folds.values()) for seed, folds in by_seed.items()}
    everyone = max(covered.values(), key=len)
    for seed in sorted(covered):
        if covered[seed] != everyone:
            missing = len(everyone - covered[seed])
            who = "1 patient" if missing == 1 else f"{missing} patients"
            notes.append(f"seed {seed} lacks {who} that another seed has, and is left out")
            del by_seed[seed]
    seeds = {
        seed: tuple(
            by_seed[seed][fold] for fold in sorted(by_seed[seed], key=lambda fold: -1 if fold is None else fold)
        )
        for seed in sorted(by_seed)
    }
    first = next(iter(seeds.values()))
    folds = first[0].config.get("split", {}).get("folds")
    if first[0].fold is not None and folds is not None and len(first) < int(folds):
        notes.append(f"{len(first)} of {folds} folds: the cross-validation is not complete")
    return Merged(seeds, frozenset(everyone), _slices(first), tuple(dict.fromkeys(notes)))


def _entry(runs: Sequence[Run], rules: Rules, setting: dict[str, str]) -> Entry:
    merged = merge_seeds(runs)
    seeds = merged.seeds
    patients = _averaged_patients([_stacked(folds) for folds in seeds.values()])
    measured = averaged([measures(folds) for folds in seeds.values()])
    measured |= {
        f"patient/{name}": summarise(patients[name].to_numpy()).as_dict()
        for name in ("dice", "iou", "recall", "precision", "hd95_px", "nsd_2px")
    }
    return Entry(
        label=configurations.label(setting, runs[0].name),
        settings=setting,
        contract=Contract(rules, merged.patients, merged.slices),
        seeds=seeds,
        patients=patients,
        metrics=measured,
        cost=single_run_costs([run for folds in seeds.values() for run in folds]),
        notes=merged.notes,
    )


def _patients(run: Run) -> pd.DataFrame:
    assert run.patients is not None  # only measured runs are merged
    return run.patients


def _names(runs: Iterable[Run]) -> set[str]:
    return {name for run in runs for name in _patients(run)["patient"]}


def _overlap(folds: Iterable[Run]) -> bool:
    names = [name for run in folds for name in _patients(run)["patient"]]
    return len(names) > len(set(names))


def _slices(folds: Iterable[Run]) -> str:
    tables = [run.slices[["patient", "slice"]] for run in folds if run.slices is not None]
    measured = pd.concat(tables).sort_values(["patient", "slice"])
    return hashlib.sha256(measured.to_csv(index=False).encode()).hexdigest()


def _stacked(folds: Sequence[Run]) -> pd.DataFrame:
    return pd.concat([_patients(run) for run in folds]).set_index("patient").sort_index()


def _averaged_patients(seeds: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Numbers averaged over the seeds, patient by patient; words are the same for all."""
    first = seeds[0]
    numeric = first.select_dtypes("number").columns
    mean = pd.concat([frame[numeric] for frame in seeds]).groupby(level=0).mean()
    return pd.concat([mean, first.drop(columns=numeric)], axis=1)
