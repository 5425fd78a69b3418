"""Runs as a comparison reads them: from their folders alone, finished or not."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from lgg_seg.config.instantiate import to_plain
from lgg_seg.errors import UserError
from lgg_seg.metrics.overlap import COUNTS
from lgg_seg.metrics.registry import PATIENT_METRICS
from lgg_seg.runs.contents import damaged, read_table
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.status import read_status

STATUS, RESULT = "status.json", "metrics.json"
UNTESTED = "it was trained on every patient, and nobody is left to test"
_PATIENT_COLUMNS: tuple[str, ...] = ("patient", "slices", *COUNTS, "truth_voxels", "predicted_voxels", "dice")
_OPTIONAL = (*PATIENT_METRICS, "lesion_tp", "lesion_fp", "lesion_fn", "boundary_complexity")
_SLICE_COLUMNS: tuple[str, ...] = ("patient", "slice", "truth_pixels", "predicted_pixels", "dice", "max_probability")


@dataclass(frozen=True)
class Run:
    """One run, or one of its later evaluations.

    `place` holds `metrics.json` and the tables, `folder` the run itself; they are the same but for an evaluation. Where
    there is no `result` (`metrics.json`), `reason` says why. The tables are `per_patient.csv` and so on.
    """

    place: Path
    folder: Path
    state: str
    reason: str | None
    updated: str
    config: dict[str, Any] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    patients: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False, compare=False)
    slices: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False, compare=False)
    history: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False, compare=False)

    @property
    def epochs(self) -> list[dict[str, Any]]:
        return [{str(name): cell for name, cell in row.items()} for row in self.history.to_dict("records")]

    @property
    def seed(self) -> int:
        return int(self.config.get("seed", 0))

    @property
    def fold(self) -> int | None:
        """The fold of a cross-validation, None for any other split."""
        fold = self.config.get("split", {}).get("fold")
        return None if fold is None else int(fold)

    @property
    def label(self) -> str:
        """The name without the experiment's, as other runs are labelled by their networks alone."""
        experiment = next((word[11:] for word in self.overrides if word.startswith("experiment=")), "")
        return self.name.removeprefix(f"{experiment}_")

    @property
    def given_name(self) -> str | None:
        """The run's name, where the command line gave it."""
        return self.name if any(word.startswith("name=") for word in self.overrides) else None

    @property
    def name(self) -> str:
        return str(self.config.get("name", self.folder.name))

    @property
    def classifies(self) -> bool:
        return self.result.get("task") == "classification"


def find_runs(folders: Iterable[Path]) -> list[Run]:
    """Every run in or below the folders, each once; a folder of `evaluations/` is that evaluation of its run."""
    places: dict[Path, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder; give the folders of runs or sweeps, for example runs/sweeps.")
        root = folder.resolve()
        below = {status.parent: status.parent for status in root.rglob(STATUS)} or _evaluations(root)
        if not below:
            raise UserError(f"{folder} holds no run: there is no {STATUS} in or below it.")
        places |= below
    return [read_run(place, places[place]) for place in sorted(places)]


def _evaluations(root: Path) -> dict[Path, Path]:
    """Evaluations in or below `root`, with the run they belong to."""
    evaluations = {}
    for result in root.rglob(RESULT):
        run = next((parent for parent in result.parents if (parent / STATUS).exists()), None)
        if run is not None:
            evaluations[result.parent] = run
    return evaluations


def read_run(place: Path, folder: Path) -> Run:
    """A run from its folder; where a file is missing or damaged, the reason why it has no result."""
    record = RunFolder(folder)
    status: dict[str, Any] = {}
    found: dict[str, Any] = {}
    try:
        status = read_status(record)
        node, overrides = record.read_config()
        config = to_plain(node)
        found |= {"config": config, "overrides": tuple(overrides)}
        found["provenance"] = record.read_json("provenance.json", missing_ok=status["state"] != "finished")
        if lengths := found["provenance"].get("max_epochs"):  # a schedule of 20 and then 40 epochs is none of 40
            config["trainer"]["max_epochs"] = ", then ".join(map(str, lengths))
        if status["state"] == "finished":
            if place == folder and found["provenance"].get("split", {}).get("test") == {}:
                status["reason"] = UNTESTED
            else:
                found |= _measured(place, folder)
    except (UserError, OSError) as error:
        status |= {"state": "unreadable", "reason": " ".join(str(error).split())}
    return Run(place, folder, status["state"], status.get("reason"), str(status.get("updated", "")), **found)


def _measured(place: Path, folder: Path) -> dict[str, Any]:
    result = RunFolder(place).read_json(RESULT)
    of_patients, of_slices = _PATIENT_COLUMNS, _SLICE_COLUMNS
    if result.get("task") == "classification":
        of_slices = ("patient", "slice", "label", "probability")
        graded = ("label", "probability") if result.get("target") == "grade" else ()
        of_patients = ("patient", "slice_accuracy", "slice_auroc", *graded)
    # Slices of one class have no ROC curve, and a mask without tumour has no boundary.
    gaps = ("slice_auroc", "boundary_complexity")
    patients = read_table(place / "per_patient.csv", of_patients, _OPTIONAL, gaps=gaps)
    slices = read_table(place / "per_slice.csv", of_slices)
    history = read_table(folder / "history.csv")
    if (len(patients), len(slices)) != (result["patients"], result["slices"]):
        raise damaged(place / "per_patient.csv", f"or per_slice.csv does not belong to the {RESULT} beside it")
    if patients["patient"].duplicated().any() or slices[["patient", "slice"]].duplicated().any():
        raise damaged(place / "per_patient.csv", "or per_slice.csv has a row twice")
    if set(patients["patient"]) != set(slices["patient"]):
        raise damaged(place / "per_patient.csv", "has other patients than per_slice.csv")
    return {"result": result, "patients": patients, "slices": slices, "history": history}
