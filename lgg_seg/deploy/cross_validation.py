"""The numbers of a run that was trained on every patient: those of a cross-validation of its recipe."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lgg_seg.comparison import configurations
from lgg_seg.comparison.comparability import Comparability
from lgg_seg.comparison.runs import Run, find_runs, read_run
from lgg_seg.comparison.segmentation import SegmentationResult
from lgg_seg.errors import UserError
from lgg_seg.evaluation.segmentation import strata
from lgg_seg.runs.identity import recipe

MAX_NAMED = 3  # keys that a refusal names


def cross_validated(run: Path, folder: Path) -> dict[str, Any]:
    """The out-of-fold numbers of the recipe of a `run` on every patient, in the form of `metrics.json`.

    `folder` is of the folds, as `-m sweep=folds` leaves them; runs of other recipes in it are passed over. `statement`
    says whose numbers they are, `networks` names each fold's seed, commit and split.
    """
    ours = read_run(run, run)
    folds = _of_recipe(ours, folder)
    everyone = frozenset(ours.provenance["split"]["train"])
    tested = [fold for fold in folds if fold.result]
    results = [
        result
        for result in SegmentationResult.of_runs(tested, configurations.settings(folds))
        if _is_fair(result.comparability, ours)
    ]
    complete = [result for result in results if result.comparability.patients == everyone]
    if not complete:
        count = max((len(result.comparability.patients & everyone) for result in results), default=0)
        raise UserError(
            f"The folds in {folder} have tested {count} of the {len(everyone)} patients that {run} was trained on; "
            "finish that cross-validation on the same data."
        )
    if len(complete) > 1:
        raise UserError(f"{folder} holds {len(complete)} cross-validations of this recipe; name the folder of one.")
    return _merged(complete[0])


def _of_recipe(ours: Run, folder: Path) -> list[Run]:
    """The folds in the folder that were trained as our run was."""
    folds = [run for run in find_runs([folder]) if run.fold is not None]
    if not folds:
        raise UserError(f"{folder} holds no fold of a cross-validation; python -m lgg_seg -m sweep=folds trains them.")
    wanted = recipe(ours.config)
    alike = [fold for fold in folds if recipe(fold.config) == wanted]
    if not alike:
        differing = min((_differing(wanted, recipe(fold.config)) for fold in folds), key=len)
        more = ", …" if len(differing) > MAX_NAMED else ""
        raise UserError(
            f"The folds in {folder} are of another recipe than {ours.folder}: {', '.join(differing[:MAX_NAMED])}{more}."
        )
    return alike


def _differing(ours: dict[str, Any], theirs: dict[str, Any]) -> Sequence[str]:
    keys = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    return [f"{key} is {theirs.get(key)}, not {ours.get(key)}" for key in keys]


def _is_fair(measured: Comparability, ours: Run) -> bool:
    """Whether whole patients of our run's data were tested by networks that had not seen them."""
    protocol = measured.protocol
    same_data = protocol.data_fingerprint == ours.provenance["data_fingerprint"]
    return same_data and protocol.subset == "test" and not (protocol.truncated or measured.leaky)


def _merged(result: SegmentationResult) -> dict[str, Any]:
    patients, networks = len(result.comparability.patients), len(result.runs)
    first = result.runs[0].result
    measured = [name for name, value in result.metrics.items() if value is not None]
    measured.sort(key=lambda name: not name.startswith("patient/"))  # the headline first
    return {
        **{key: first[key] for key in ("split", "protocol", "metric_version", "threshold")},
        "patients": patients,
        "slices": len(result.comparability.slices),
        "metrics": {name: result.metrics[name] for name in measured},
        "strata": strata(result.patients.reset_index().to_dict("records")),  # type: ignore[arg-type]  # names are texts
        "statement": (
            f"These are the numbers of a cross-validation: of {networks} networks of the same recipe, each at its best "
            "epoch by validation patients, and tested on patients that it had not seen. The weights of this card have "
            f"seen all {patients} patients; they are those of the last epoch, and were themselves tested on nobody."
        ),
        "networks": [
            {
                "fold": run.fold,
                "seed": run.seed,
                "commit": run.provenance["code"]["commit"],
                "split": run.provenance["split"]["hash"],
            }
            for run in result.runs
        ],
    }
