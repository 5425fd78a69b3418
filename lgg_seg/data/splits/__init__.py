"""The ways of dividing a dataset root: by patient, by fold, as published, and the leaky ones for comparison."""

from lgg_seg.data.splits.rules import (
    BudaSplit,
    KFoldSplit,
    PatientSplit,
    SliceKFoldSplit,
    SliceRandomSplit,
    SliceWithinPatientSplit,
    UnshuffledSliceSplit,
)

__all__ = [
    "BudaSplit",
    "KFoldSplit",
    "PatientSplit",
    "SliceKFoldSplit",
    "SliceRandomSplit",
    "SliceWithinPatientSplit",
    "UnshuffledSliceSplit",
]
