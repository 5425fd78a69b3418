"""Radiomics: shape features of tumours, and outcome models from them and the clinical data."""

from typing import Literal

Imputation = Literal["scaled", "study_004"]  # how gaps in the predictors are filled: see `nested.preparation`
