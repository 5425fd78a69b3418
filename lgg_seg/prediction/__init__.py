"""Prediction on new scans: reading them, segmenting them, and writing masks, overlays and tables."""

from typing import Final, Literal

Overlays = Literal["tumour", "all", "none"]
NIFTI_LAYOUT: Final = "NIfTI as in BraTS: a folder a patient, with CASE_flair.nii.gz, CASE_t1, CASE_t1ce and CASE_seg"
"""Patients with their ground truth that are no slices: see `nifti_tree`."""
