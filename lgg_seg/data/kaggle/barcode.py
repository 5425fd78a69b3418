"""TCGA's barcode of a patient in any spelling of a name."""

import re
from collections.abc import Iterable

_BARCODE = re.compile(r"tcga[\W_]*([a-z0-9]{2})[\W_]*([a-z0-9]{4})(?![a-z0-9])", re.IGNORECASE)


def barcode(text: str) -> str | None:
    """`CS-4942` of `TCGA_CS_4942_19970222`, `tcga-cs-4942.nii` or `TCGACS4942`; None without a barcode.

    >>> barcode("flair/tcga-cs-4942 (1997).nii.gz")
    'CS-4942'
    """
    match = _BARCODE.search(text)
    return f"{match[1]}-{match[2]}".upper() if match else None


def named_in(text: str, patients: Iterable[str]) -> bool:
    """Whether a text names one of the patients by their barcodes, with or without `TCGA` before it."""
    for code in {barcode(patient) for patient in patients} - {None}:
        institution, number = str(code).split("-")
        if re.search(rf"(?<![a-z0-9])(tcga[\W_]*)?{institution}[\W_]*{number}(?![a-z0-9])", text, re.IGNORECASE):
            return True
    return False
