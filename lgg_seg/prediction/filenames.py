"""Format and duplicates, by the names of files."""

from pathlib import PurePosixPath


def nifti_ending(file: str) -> str | None:
    """`.nii` or `.nii.gz`; None for any other file."""
    return next((end for end in (".nii.gz", ".nii") if PurePosixPath(file).name.lower().endswith(end)), None)


def is_tiff(name: str) -> bool:
    """Whether a file is TIFF by its name."""
    return name.lower().endswith((".tif", ".tiff"))


def is_picture(name: str) -> bool:
    """Whether a file is PNG or JPEG by its name."""
    return name.lower().endswith((".png", ".jpg", ".jpeg"))


def is_image(name: str) -> bool:
    """Whether a file is of a format that is read, by its name."""
    return is_tiff(name) or is_picture(name) or nifti_ending(name) is not None


def without_ending(file: str) -> str:
    """A file's path or name up to its ending; `.nii.gz` is one."""
    return file[: -len(end)] if (end := nifti_ending(file)) else str(PurePosixPath(file).with_suffix(""))


def is_mask(name: str) -> bool:
    """Whether a file is a mask by the name that masks have here and in the dataset: `<slice>_mask`."""
    return without_ending(name).lower().endswith("_mask")


def duplicate_reason(file: str, firsts: dict[str, str]) -> str | None:
    """The reason to leave a file out because an earlier one's mask has the same name; else adds it to `firsts`.

    Case makes no difference, since it makes none on the disks of Windows and macOS; nor does a slice's ending.
    """
    key = (without_ending(file) if nifti_ending(file) is None else file).casefold()
    if key in firsts:
        return f"comes after another of that name ({firsts[key]}), and the first counts; rename one of them"
    firsts[key] = file
    return None
