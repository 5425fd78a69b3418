"""Scans that people bring: which files are what, and reading them as slices in the dataset's form."""

from typing import Final

NIFTI_LAYOUT: Final = "NIfTI as in BraTS: a folder a patient, with CASE_flair.nii.gz, CASE_t1, CASE_t1ce and CASE_seg"
"""Patients with their ground truth that are no slices: see `nifti_dataset`."""
