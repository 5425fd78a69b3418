"""Ground truth that lies beside scans: which masks are of which volume, and what they say of its slices."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from lgg_seg.data.kaggle.images import ImageError, mask_of, read_mask, read_stack
from lgg_seg.metrics.arrays import Bools
from lgg_seg.prediction.discover import ScanFiles, ScanListing
from lgg_seg.prediction.filenames import below_derivatives
from lgg_seg.prediction.roles import role_of
from lgg_seg.prediction.scan import Issue, Scan, ScanError
from lgg_seg.prediction.slices import SliceFiles
from lgg_seg.prediction.volumes import VolumeFiles

# Masks of a brain and of its regions, and predictions: none is the truth about a tumour.
_OTHER = re.compile(r"brain[-_. ]?mask|aparc|(?<![a-z])aseg|wmparc|ribbon|(?<![a-z])pred", re.IGNORECASE)

_MOST = 0.6  # of the head's voxels


@dataclass(frozen=True)
class Truth:
    """The ground truth of a volume.

    Attributes:
        mask: bool (D, H, W), True where there is tumour; False in slices without a mask.
        known: bool (D,), whether a slice has a mask.
    """

    mask: Bools
    known: Bools


class MaskFiles:
    """The masks of a listing, by the case that they are of, as `roles.role_of` says; in BIDS of `derivatives`, too."""

    def __init__(self, listing: ScanListing) -> None:
        self._of_case: dict[str, list[str]] = defaultdict(list)
        self._of_name: dict[str, list[str]] = defaultdict(list)
        self._of_folder: dict[str, list[str]] = defaultdict(list)  # of BIDS' raw data
        for file in listing.masks:
            if not _OTHER.search(PurePosixPath(file).name):
                case = _case(file)
                self._of_case[case].append(file)
                self._of_name[PurePosixPath(case).name].append(file)
                if place := below_derivatives(file):
                    self._of_folder[str(PurePosixPath(place).parent).casefold()].append(file)
        scans = {file for volume in listing.volumes for file in volume.paths}
        self._scans = Counter(PurePosixPath(_case(file)).name for file in scans)

    def of_file(self, file: str) -> list[str]:
        """The masks of a slice or a stack: those of its case, else of its name, if no other scan has that."""
        case = _case(file)
        name = PurePosixPath(case).name
        return self._of_case.get(case) or (self._of_name.get(name, []) if self._scans[name] == 1 else [])

    def of_volume(self, volume: VolumeFiles) -> list[str]:
        """The masks of a volume: those of its case, or `seg` and the like alone in its folder; in BIDS those of its
        folder below `derivatives`."""
        folder = str(PurePosixPath(volume.files["FLAIR"]).parent).casefold()
        cases = self._of_case.get(volume.case.casefold()) or self._of_case.get("" if folder == "." else folder)
        return cases or self._of_folder.get(folder, [])

    def all_of(self, files: ScanFiles) -> set[str]:
        """The masks of a volume."""
        if isinstance(files, VolumeFiles):
            return set(self.of_volume(files))
        return {mask for file in files.paths for mask in self.of_file(file)}

    def of_slices(self, files: ScanFiles, scan: Scan) -> list[tuple[slice, list[str]]]:
        """The masks of a volume that was read, each with the slices that it is of."""
        if isinstance(files, SliceFiles):
            return [(slice(k, k + 1), self.of_file(file)) for k, file in enumerate(scan.files)]
        return [(slice(None), self.of_volume(files) if isinstance(files, VolumeFiles) else self.of_file(files.file))]


def read_truth(
    files: ScanFiles, root: Path, scan: Scan, masks: MaskFiles, threshold: int | None = None
) -> tuple[Truth, list[Issue]]:
    """The ground truth of a volume that was read, and the masks that cannot be used.

    Args:
        files: the volume's.
        root: the folder that they and the masks lie below.
        scan: what was read of them.
        masks: of the listing.
        threshold: as of `kaggle.images.read_mask`, for masks of slices.
    """
    truth = Truth(np.zeros(scan.images.shape[:3], np.bool_), np.zeros(len(scan.images), np.bool_))
    issues: list[Issue] = []
    for place, found in masks.of_slices(files, scan):
        issues += [Issue(file, f"is a second mask beside {found[0]}, which counts") for file in found[1:]]
        if found:
            try:
                truth.mask[place] = _read(files, root, found[0], scan, threshold)
                truth.known[place] = True
            except ImageError as error:
                issues.append(Issue(found[0], error.reason))
            except ScanError as error:
                issues += error.issues
    if (mask := _covering(truth, scan)) is not None:
        first = next(found[0] for _, found in masks.of_slices(files, scan) if found)
        reason = f"marks {mask:.0%} of the head, as the mask of a brain does, or an inverted one; it is not scored"
        return Truth(np.zeros_like(truth.mask), np.zeros_like(truth.known)), [*issues, Issue(first, reason)]
    return truth, issues


def _covering(truth: Truth, scan: Scan) -> float | None:
    """The share of the head that is marked, where that is more than a tumour can be; None otherwise.

    What is brighter than the mean over all slices is the head: around it is air.
    """
    head = (scan.flair > scan.flair.mean())[truth.known]
    share = float(np.sum(truth.mask[truth.known] & head) / max(1, int(np.sum(head))))
    return share if share > _MOST else None


def _read(files: ScanFiles, root: Path, mask: str, scan: Scan, threshold: int | None) -> Bools:
    """A mask file on the slices of `files`: bool (D, H, W)."""
    if isinstance(files, VolumeFiles):
        return files.read_mask(root, mask)
    if isinstance(files, SliceFiles):
        found = read_mask(root / mask, threshold)[None]
    else:
        pages = read_stack(root / mask)[..., 0]
        if len(pages) < max(scan.numbers):
            raise ScanError([Issue(mask, f"has {len(pages)} pages, where its scan has {max(scan.numbers)}")])
        found = mask_of(pages[np.array(scan.numbers) - 1], mask, threshold)
    (height, width), (rows, columns) = found.shape[1:], scan.images.shape[1:3]
    if (height, width) != (rows, columns):
        reason = f"is a mask of {width} x {height} pixels, where its slice is {columns} x {rows}"
        raise ScanError([Issue(mask, reason)])
    return found > 0


def _case(file: str) -> str:
    return role_of(below_derivatives(file) or file).case.casefold()
