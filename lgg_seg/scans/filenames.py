"""The format of files by their names."""

import re
from pathlib import PurePosixPath

NIBABEL_ENDINGS = (".nii.gz", ".nii", ".mgz", ".mgh", ".hdr", ".img")
ITK_ENDINGS = (".mha", ".mhd", ".nrrd", ".nhdr")
DICOM_ENDINGS = (".dcm", ".dicom", ".ima")
_UNREAD = {
    "unpack it": (".zip", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".img.gz", ".hdr.gz", ".tar.gz"),
    "convert it to NIfTI, for instance with dcm2niix, nibabel or mrconvert": (
        ".par", ".rec", ".mnc", ".mif", ".mif.gz", ".head", ".brik", ".brik.gz", ".npy", ".npz", ".h5", ".mat"),
    "save it as TIFF or PNG": (".bmp", ".gif", ".webp", ".jp2", ".j2k", ".heic"),
}  # fmt: skip
_DERIVATIVE = re.compile(r"(?P<root>(.*/)?)derivatives/[^/]+/(?P<path>.+)")


def nifti_ending(file: str) -> str | None:
    """`.nii` or `.nii.gz`; None for any other file."""
    return next((end for end in (".nii.gz", ".nii") if PurePosixPath(file).name.lower().endswith(end)), None)


def below_derivatives(file: str) -> str:
    """Where a file of BIDS' `derivatives/NAME/sub-1/anat/…` belongs: `sub-1/anat/…`; empty of any other path."""
    match = _DERIVATIVE.fullmatch(file)
    return match["root"] + match["path"] if match else ""


def is_tiff(name: str) -> bool:
    return name.lower().endswith((".tif", ".tiff"))


def is_picture(name: str) -> bool:
    return name.lower().endswith((".png", ".jpg", ".jpeg"))


def is_volume(name: str) -> bool:
    """Whether a file is one of a volume in a format that is read, by its name; DICOM is files of slices."""
    return name.lower().endswith((*NIBABEL_ENDINGS, *ITK_ENDINGS))


def may_be_dicom(name: str) -> bool:
    """Whether a file may be DICOM by its name, which often has no ending, or a number's."""
    return name.lower().endswith(DICOM_ENDINGS) or not re.search(r"\.[A-Za-z]\w*$", name)


def is_image(name: str) -> bool:
    return is_tiff(name) or is_picture(name) or is_volume(name)


def unread_reason(name: str) -> str | None:
    """Why an image in a format that is not read is left out, completing "the file …"; None for any other file."""
    remedies = (remedy for remedy, endings in _UNREAD.items() if name.lower().endswith(endings))
    return next((f"is in a format that is not read; {remedy}" for remedy in remedies), None)


def without_ending(file: str) -> str:
    """A file's path or name up to its ending; `.nii.gz` is one."""
    if end := next((end for end in (*NIBABEL_ENDINGS, *ITK_ENDINGS) if file.lower().endswith(end)), None):
        return file[: -len(end)]
    return str(PurePosixPath(file).with_suffix(""))
