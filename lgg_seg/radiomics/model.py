"""The outcome model that is kept: a JSON file of its training table, from which the same model is fitted again.

No pickle is read or written. The table is needed anyhow, to fill in gaps from the nearest patients, and a fit takes
less than a second. The file also holds what the model answered for its training patients: a library that fits another
model than was measured is refused.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import pydantic
from sklearn.pipeline import Pipeline

from lgg_seg.errors import UserError
from lgg_seg.radiomics import Imputation
from lgg_seg.radiomics.features import Volume
from lgg_seg.radiomics.nested import CANDIDATES, chosen_model, model_search, preparation
from lgg_seg.radiomics.outcome import Result

MODELS = "outcome_models.json"  # in the folder that `outcome` writes
TOLERANCE = 1e-6  # of probabilities, between this machine's fit and the recorded one


class OutcomeModel(pydantic.BaseModel, extra="forbid", allow_inf_nan=False):
    """An outcome model as it is kept, with how good it was out of fold: `auc` and its interval over patients."""

    question: str
    meaning: str
    masks: str  # whose shapes: `true` or `predicted out of fold`
    auc: float
    ci95: tuple[float, float] | None
    slice_px: tuple[int, ...]  # sizes of the slices, since lengths and places are in pixels
    columns: tuple[str, ...]
    patients: tuple[tuple[float | None, ...], ...]  # (N, F), None where unknown
    truth: tuple[bool, ...]  # (N,)
    candidate: str  # of `CANDIDATES`
    imputation: Imputation
    probabilities: tuple[float, ...]  # (N,), of the fitted model for its own training patients

    @classmethod
    def fitted(
        cls, result: Result, table: pd.DataFrame, slice_px: Sequence[int], masks: str, imputation: Imputation
    ) -> Self:
        """The model of all patients of `result`, chosen as its folds chose theirs, from its predictors `table`."""
        values = table.loc[list(result.patients)].to_numpy(dtype=np.float64)
        search = model_search(values.shape[1], result.seed, imputation).fit(values, result.truth)
        row = result.as_dict()
        return cls.model_validate(
            {
                **{key: row[key] for key in ("question", "meaning", "auc", "ci95")},
                "masks": masks,
                "slice_px": tuple(sorted(set(map(int, slice_px)))),
                "columns": tuple(map(str, table.columns)),
                "patients": [[None if np.isnan(x) else x for x in one] for one in values.tolist()],
                "truth": result.truth.tolist(),
                "candidate": chosen_model(search),
                "imputation": imputation,
                "probabilities": search.predict_proba(values)[:, 1].tolist(),
            }
        )

    def require_grid_of(self, volume: Volume) -> None:
        """Refuse slices of another size than the model's: lengths and places are in pixels."""
        if (size := volume.mask[0].size) not in self.slice_px:
            raise UserError(
                f"{volume.patient} has slices of {size} pixels, those of {self.question} had "
                f"{' or '.join(map(str, self.slice_px))}: its predictors are lengths in pixels; resample the scan."
            )

    def answer(self, predictors: pd.DataFrame) -> list[float]:
        """The probability of the outcome for each row of `predictors`."""
        values = np.array(self.patients, dtype=np.float64)
        model = Pipeline([*preparation(self.imputation), ("model", CANDIDATES[self.candidate])])
        model.fit(values, np.array(self.truth))
        if not np.allclose(model.predict_proba(values)[:, 1], self.probabilities, atol=TOLERANCE, rtol=0):
            raise UserError(
                f"The model of {self.question} comes out otherwise here than it was measured: by another scikit-learn, "
                "or its file was changed; run lgg_seg.radiomics outcome again."
            )
        if unknown := [name for name in self.columns if name not in predictors]:
            raise UserError(f"The model of {self.question} asks for {unknown[0]}, which this version does not measure.")
        return [float(p) for p in model.predict_proba(predictors[list(self.columns)].to_numpy(dtype=np.float64))[:, 1]]


def models_json(models: list[OutcomeModel]) -> str:
    return pydantic.TypeAdapter(list[OutcomeModel]).dump_json(models).decode() + "\n"


def read_models(path: Path) -> list[OutcomeModel]:
    """The models of a file, or of the folder that holds it."""
    file = path / MODELS if path.is_dir() else path
    try:
        models = pydantic.TypeAdapter(list[OutcomeModel]).validate_json(file.read_bytes())
        if not models:
            raise ValueError("it has none: the shapes of its patients did not vary")
        for model in models:
            n, f = len(model.truth), len(model.columns)
            if model.candidate not in CANDIDATES or len(model.patients) != n or len(model.probabilities) != n:
                raise ValueError("its parts do not fit together")
            if len(set(model.truth)) < 2 or any(len(row) != f for row in model.patients):
                raise ValueError("its table is not whole")
    except FileNotFoundError as error:
        raise UserError(f"{file} is missing; give the folder that lgg_seg.radiomics outcome wrote.") from error
    except (OSError, ValueError) as error:  # pydantic's are ValueErrors
        reason = error.errors()[0]["msg"] if isinstance(error, pydantic.ValidationError) else error
        raise UserError(f"{file} holds no outcome models ({reason}); run lgg_seg.radiomics outcome again.") from error
    return models
