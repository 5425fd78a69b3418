"""What the files of a run folder must hold for others to read them: checked in one place, when they are read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import AliasPath, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from lgg_seg.errors import UserError, explained

State = Literal["running", "finished", "failed", "interrupted", "pruned"]


_FIT_LOOP = ("loops", "fit_loop")
_STEPS = ("epoch_loop.automatic_optimization.optim_progress", "optimizer", "step", "total", "completed")


class _Content(BaseModel):
    """Types are those of JSON, where NaN is no number; a field with a default may be missing, others are not read."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Status(_Content):
    state: State
    reason: str | None = None
    started: str = ""
    updated: str = ""


class _Split(_Content):
    protocol: str
    hash: str
    train: dict[str, str]
    val: dict[str, str]
    test: dict[str, str]


class _Seen(_Content):
    val: list[str]
    test: list[str]


class _StartingWeights(_Content):
    patients: dict[str, str]
    recorded: bool
    seen: _Seen


class _Provenance(_Content):
    data_fingerprint: str
    split: _Split
    seed: int = 0
    precision: str = ""
    command: list[str] = []
    choices: dict[str, str] = {}
    code: dict[str, Any] = {}
    hardware: dict[str, Any] = {}
    resumed_on: list[dict[str, Any]] = []
    versions: dict[str, str | None] = {}
    max_epochs: list[int] = []
    starting_weights: _StartingWeights | None = None


class _Threshold(_Content):
    value: float = Field(ge=0, le=1)
    source: str = Field(alias="from")


class _Bins(_Content):
    pixels: list[int]
    probability_sum: list[float]
    tumour_pixels: list[int]


class _Metrics(_Content):
    split: str
    patients: int
    slices: int
    protocol: str
    truncated: bool
    threshold: _Threshold
    postprocess: str
    metric_version: int
    metrics: dict[str, float | dict[str, Any] | None]
    cost: dict[str, float]
    calibration_bins: _Bins | None = None
    task: Literal["classification"] | None = None
    target: Literal["tumour", "grade"] | None = None
    tta: bool = False
    seen_patients: int = 0
    data_fingerprint: str = ""


class _Weights(_Content):
    sha256: str


class _Card(_Content):
    """A zoo entry's `card.json`; `training` is its run's provenance."""

    model: dict[str, Any]
    preprocess: dict[str, Any]
    threshold: _Threshold
    postprocess: Literal["none", "largest_component"]
    weights: _Weights
    training: _Provenance
    tta: bool = False


class _SplitConfig(_Content):
    fold: int | None = None
    n_splits: int | None = None


class _Config(_Content):
    """What is the same for all runs; `check_config` knows the rest."""

    seed: int = 0
    name: str = ""
    split: _SplitConfig = _SplitConfig()


class _OptimizerState(_Content):
    state: dict[int, dict[str, Any]]
    param_groups: list[dict[str, Any]] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_moments(self) -> Self:
        if not self.state and any("betas" in group or group.get("momentum") for group in self.param_groups):
            raise ValueError("the moments are gone")
        return self


class _ScheduleState(_Content):
    last_epoch: int = Field(ge=0)


class _Row(_Content):
    epoch: int = Field(ge=0)
    epoch_part: float = Field(default=1, gt=0, le=1)
    step: int = Field(ge=0)
    seconds: float = Field(ge=0)


class _History(_Content):
    rows: list[_Row]
    lr: float = 0
    without_row: float = 0
    seconds: float = 0
    trained: float = 0
    slices: int = 0


class Weights(_Content):
    """What is read of a checkpoint to use its network."""

    state_dict: dict[str, Any] = Field(min_length=1)


class TrainingState(Weights):
    """What is read of a checkpoint to go on with its run: a part that is empty would begin anew in silence."""

    epoch: int
    global_step: int
    lightning: str = Field(alias="pytorch-lightning_version")
    optimizer_states: list[_OptimizerState] = Field(min_length=1, max_length=1)
    lr_schedulers: list[_ScheduleState] = Field(min_length=1, max_length=1)
    callbacks: dict[str, Any]
    loops: dict[str, Any]
    history: _History = Field(validation_alias=AliasPath("callbacks", "History"))
    epochs: int = Field(ge=0, validation_alias=AliasPath(*_FIT_LOOP, "epoch_progress", "current", "completed"))
    steps: int = Field(ge=0, validation_alias=AliasPath(*_FIT_LOOP, *_STEPS))
    ends_epoch: bool = Field(validation_alias=AliasPath(*_FIT_LOOP, "epoch_loop.batch_progress", "is_last_batch"))
    config: dict[str, Any] = {}

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if (self.epoch, self.global_step) != (self.epochs, self.steps):
            raise ValueError("its epoch and step are not those of its loops")
        return self


_CONTENTS: Mapping[str, TypeAdapter[Any]] = {
    "status.json": TypeAdapter(_Status),
    "provenance.json": TypeAdapter(_Provenance),
    "metrics.json": TypeAdapter(_Metrics),
    "config.yaml": TypeAdapter(_Config),
    "card.json": TypeAdapter(_Card),
    "overrides.yaml": TypeAdapter(list[str]),
}
_RESTORE = "restore it from a copy, or train the run again"
_REMEDIES = {
    "card.json": "restore it from a copy, or install the package anew",
    "metrics.json": "restore it from a copy, or delete it and measure the run again with lgg_seg.evaluate",
    "per_patient.csv": "restore it from a copy, or measure the run again with lgg_seg.evaluate",
    "per_slice.csv": "restore it from a copy, or measure the run again with lgg_seg.evaluate",
}
_TEXTS = ("patient", "institution", "missing_sequence", "protocol")


def damaged(path: Path, what: str) -> UserError:
    """The sentence on a damaged file of a run folder; `what` completes "the file …"."""
    return UserError(f"{path} {what}; {_REMEDIES.get(path.name, _RESTORE)}.")


def check_content(path: Path, content: object) -> None:
    """Refuse what a JSON or YAML file of a run folder cannot hold; what nobody reads may be anything."""
    if fault := content_fault(_CONTENTS.get(path.name, TypeAdapter(dict[str, Any])), content):
        raise damaged(path, f"is damaged: {fault}")


def content_fault(kind: TypeAdapter[Any], content: object) -> str | None:
    """The first place where a content is not of its kind, and why; None where it is."""
    try:
        kind.validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "its content"
        reason = first["msg"].partition(" or instance of ")[0].removeprefix("Value error, ")
        return f"{place} is not as a run writes it ({reason.lower()})"
    return None


def read_table(
    path: Path, columns: Sequence[str] | None = None, optional: Sequence[str] = (), *, gaps: Sequence[str] = ()
) -> pd.DataFrame:
    """A CSV file of a run folder. It has the `columns` and may have the `optional` ones: all but names are finite
    numbers, and only the cells of `gaps` may be empty. With None, that holds for every column, and each may be empty.
    """
    try:
        with explained():  # what may not be read is not damaged for that
            table = pd.read_csv(path, dtype={"patient": str, "institution": str}, low_memory=False)
    except (OSError, ValueError) as error:  # pandas' parsing errors are ValueErrors
        raise damaged(path, f"cannot be read ({' '.join(str(error).split())})") from error
    known = list(table) if columns is None else [*columns, *optional]
    if missing := [name for name in columns or () if name not in table]:
        raise damaged(path, f"lacks the column {missing[0]}")
    if "patient" in table and table["patient"].isna().any():
        raise damaged(path, "has a row without a patient")
    for name in (name for name in known if name in table and name not in _TEXTS):
        values = table[name]
        # A column that is empty throughout is read as numbers, too.
        if not pd.api.types.is_numeric_dtype(values) or np.isinf(values.to_numpy(dtype=np.float64)).any():
            raise damaged(path, f"has a {name} that is no number")
        if columns is not None and name not in gaps and values.isna().any():
            raise damaged(path, f"has a {name} that is empty")
    return table
