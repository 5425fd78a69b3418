"""Labels of slices for classification, and splits of the slices that have one."""

import logging
from collections.abc import Callable, Sequence

from lgg_seg.data.kaggle.index import Index, Patient
from lgg_seg.data.splits.split import SUBSETS, Split
from lgg_seg.errors import UserError
from lgg_seg.networks.classifier import Target

log = logging.getLogger(__name__)

GRADE = "neoplasm_histologic_grade"
GRADES = {"1": False, "2": True}
"""The column's codes: 1 is WHO grade II, 2 is grade III, the positive class. The dataset ships no code book."""


def slice_labels(index: Index, target: Target) -> tuple[bool | None, ...]:
    """The label of every slice of the index, in its order; None where it is not known.

    `tumour`: whether the slice's own mask has any. `grade`: the patient's, for slices without tumour, too.
    """
    if target == "tumour":
        return tuple(one.tumour_pixels > 0 for one in index.slices)
    grades = [_grade(patient) for patient in index.patients]
    if not any(grade is not None for grade in grades):
        raise UserError(
            f"No patient in {index.root} has a grade (the column {GRADE} of its data.csv); put the file there, or take "
            "model.target=tumour."
        )
    return tuple(grade for grade, patient in zip(grades, index.patients, strict=True) for _ in patient.slices)


def _grade(patient: Patient) -> bool | None:
    code = patient.clinical.get(GRADE, "").strip()
    if not code:
        return None
    if code not in GRADES:
        raise UserError(
            f"The {GRADE} of patient {patient.name} in data.csv is {code!r}; it must be 1 (WHO grade II), 2 (grade "
            "III) or empty."
        )
    return GRADES[code]


def labelled(split: Callable[[Index], Split], target: Target) -> Callable[[Index], Split]:
    """The same split without the slices that have no label; their patients are logged."""

    def of_labelled(index: Index) -> Split:
        whole, labels = split(index), slice_labels(index, target)
        left_out = dict.fromkeys(one.patient for one, label in zip(index.slices, labels, strict=True) if label is None)
        if not left_out:
            return whole
        log.info("left out, as data.csv does not say the %s: %s", target, ", ".join(left_out))
        train, val, test = ([i for i in whole.slices(subset) if labels[i] is not None] for subset in SUBSETS)
        return Split.of(index, train, val, test, whole.protocol)

    return of_labelled


def require_both_classes(labels: Sequence[bool | None], slices: Sequence[int], target: Target) -> None:
    """Refuse training slices that all have one label, from which nothing can be learnt."""
    if len({labels[i] for i in slices}) < 2:
        raise UserError(
            f"All training slices have the same {target} label; train on more patients (data.train_patients, split)."
        )
