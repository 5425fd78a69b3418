"""Splits of a data set: by patient, and the leaky ones by slice for comparison."""

from lgg_seg.data.splits.by_patient import AllPatients, BudaSplit, FileSplit, KFoldSplit, PatientSplit
from lgg_seg.data.splits.by_slice import (
    SliceKFoldSplit,
    SliceRandomSplit,
    SliceWithinPatientSplit,
    UnshuffledSliceSplit,
)

__all__ = [
    "AllPatients",
    "BudaSplit",
    "FileSplit",
    "KFoldSplit",
    "PatientSplit",
    "SliceKFoldSplit",
    "SliceRandomSplit",
    "SliceWithinPatientSplit",
    "UnshuffledSliceSplit",
]
