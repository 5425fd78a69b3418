"""Ground truth that lies beside scans: which masks are of which volume, and what they say of its slices."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from lgg_seg.data.kaggle.images import ImageError, in_grey, mask_of, read_mask, read_stack
from lgg_seg.metrics.arrays import Bools
from lgg_seg.scans.discover import ScanFiles, ScanListing
from lgg_seg.scans.filenames import below_derivatives
from lgg_seg.scans.roles import FLAIR, role_of
from lgg_seg.scans.scan import Issue, Scan, ScanError
from lgg_seg.scans.slices import SliceFiles
from lgg_seg.scans.volumes import VolumeFiles

# Masks of a brain and of its regions, probabilities, predictions: none is the truth about a tumour.
_OTHER = re.compile(r"brain[-_. ]?mask|aparc|(?<![a-z])aseg|wmparc|ribbon|probseg|(?<![a-z])pred", re.IGNORECASE)
# Folders of tools that segment tissue.
_TOOLS = re.compile(
    r"(?<![a-z])(fmriprep|smriprep|freesurfer|fastsurfer|fast|synthseg|cat12|mriqc|hd-?bet)(?![a-z])", re.IGNORECASE
)
_TUMOUR = re.compile(r"(?<![a-z])(lesions?|tumou?rs?)(?![a-z])", re.IGNORECASE)
_OF_MASK = re.compile(r"_(label|desc)-[^_/.]+", re.IGNORECASE)  # in BIDS what a file shows, not what it is of
_RUN = re.compile(r"(?<![a-z0-9])(ses|run)-([a-z0-9]+)")

_MOST = 0.6  # of the head's voxels


@dataclass(frozen=True)
class Truth:
    mask: Bools  # (D, H, W), True where there is tumour; False in slices without a mask
    known: Bools  # (D,), whether a slice has a mask


class MaskFiles:
    """The masks of a listing, by the case that they are of, as `roles.role_of` says; in BIDS of `derivatives`, too."""

    def __init__(self, listing: ScanListing) -> None:
        self._of_case: dict[str, list[str]] = defaultdict(list)
        self._of_name: dict[str, list[str]] = defaultdict(list)
        self._of_subject: dict[str, list[str]] = defaultdict(list)  # by the case without what the mask shows
        self._of_folder: dict[str, list[str]] = defaultdict(list)  # of BIDS' raw data
        for file in listing.masks:
            path = PurePosixPath(listing.root.resolve().name, file)
            if not _OTHER.search(path.name) and not _TOOLS.search(str(path.parent)):
                case = _case(file)
                self._of_case[case].append(file)
                self._of_name[PurePosixPath(case).name].append(file)
                self._of_subject[_case(_OF_MASK.sub("", file))].append(file)
                if place := below_derivatives(file):
                    self._of_folder[str(PurePosixPath(place).parent).casefold()].append(file)
        scans = {file for volume in listing.volumes for file in volume.paths}
        self._scans = Counter(PurePosixPath(_case(file)).name for file in scans)
        flairs = [v.files[FLAIR] if isinstance(v, VolumeFiles) else v.paths[0] for v in listing.volumes]
        self._volumes = Counter(map(_folder, flairs))
        volumes = [volume for volume in listing.volumes if isinstance(volume, VolumeFiles)]
        self._subjects = Counter(_subject(volume) for volume in volumes)
        unclear = {mask for volume in volumes if not self.of_volume(volume) for mask in self._beside(volume)}
        unclear -= {mask for volume in volumes for mask in self.of_volume(volume)}
        reason = "lies beside several volumes, and its name does not say of which it is; it is not scored"
        self.issues = tuple(Issue(mask, reason) for mask in sorted(unclear))

    def of_file(self, file: str) -> list[str]:
        """The masks of a slice or a stack: those of its case, else of its name, if no other scan has that."""
        case = _case(file)
        name = PurePosixPath(case).name
        return self._of_case.get(case) or (self._of_name.get(name, []) if self._scans[name] == 1 else [])

    def of_volume(self, volume: VolumeFiles) -> list[str]:
        """The masks of its case, or of its folder where that is no other volume's; those of tumours before others."""
        subject = _subject(volume)
        groups = (
            self._of_case.get(volume.case.casefold(), []),
            self._of_subject.get(subject, []) if self._subjects[subject] == 1 else [],
            self._beside(volume) if self._volumes[_folder(volume.files[FLAIR])] == 1 else [],
        )
        tumour = [[mask for mask in masks if _TUMOUR.search(mask)] for masks in groups]
        return next((masks for masks in (*tumour, *groups) if masks), [])

    def _beside(self, volume: VolumeFiles) -> list[str]:
        """`seg` and the like in the folder of a volume; in BIDS the masks of its folder below `derivatives`."""
        flair = volume.files[FLAIR]
        folder = _folder(flair)
        masks = dict.fromkeys([*self._of_case.get(folder, ()), *self._of_folder.get(folder or ".", ())])
        return [mask for mask in masks if _of_one_run(mask, flair)]

    def all_of(self, files: ScanFiles) -> list[str]:
        if isinstance(files, VolumeFiles):
            return self.of_volume(files)
        return [mask for file in files.paths for mask in self.of_file(file)]

    def of_slices(self, files: ScanFiles, scan: Scan) -> list[tuple[slice, list[str]]]:
        """The masks of a volume that was read, each with the slices that it is of."""
        if isinstance(files, SliceFiles):
            return [(slice(k, k + 1), self.of_file(file)) for k, file in enumerate(scan.files)]
        return [(slice(None), self.all_of(files))]


def read_truth(
    files: ScanFiles, root: Path, scan: Scan, masks: MaskFiles, threshold: int | None = None
) -> tuple[Truth, list[Issue]]:
    """The ground truth of a volume that was read below `root`, and the masks that cannot be used.

    `threshold` is that of `kaggle.images.read_mask`, for masks of slices.
    """
    truth = Truth(np.zeros(scan.images.shape[:3], np.bool_), np.zeros(len(scan.images), np.bool_))
    issues: list[Issue] = []
    for place, found in masks.of_slices(files, scan):
        if len(found) > 1:
            others = ", ".join(found[1:])
            issues.append(Issue(found[0], f"is not the only mask of its scan ({others}); none is scored, so leave one"))
        elif found:
            try:
                truth.mask[place] = _read(files, root, found[0], scan, threshold)
                truth.known[place] = True
            except ImageError as error:
                issues.append(Issue(found[0], error.reason))
            except ScanError as error:
                issues += error.issues
    if (mask := _covering(truth, scan)) is not None:
        first = next(found[0] for _, found in masks.of_slices(files, scan) if len(found) == 1)
        reason = f"marks {mask:.0%} of the head, as the mask of a brain does, or an inverted one; it is not scored"
        return Truth(np.zeros_like(truth.mask), np.zeros_like(truth.known)), [*issues, Issue(first, reason)]
    return truth, issues


def _covering(truth: Truth, scan: Scan) -> float | None:
    """The share of the head that is marked, where that is more than a tumour can be; None otherwise."""
    head = (scan.flair > scan.flair.mean())[truth.known]  # around it is air
    share = float(np.sum(truth.mask[truth.known] & head) / max(1, int(np.sum(head))))
    return share if share > _MOST else None


def _read(files: ScanFiles, root: Path, mask: str, scan: Scan, threshold: int | None) -> Bools:
    """A mask file on the slices of `files`: bool (D, H, W)."""
    if isinstance(files, VolumeFiles):
        return files.read_mask(root, mask)
    if isinstance(files, SliceFiles):
        found = read_mask(root / mask, threshold)[None]
    else:
        pages = in_grey(read_stack(root / mask))
        if pages.ndim != 3:
            raise ScanError([Issue(mask, "has pages in colours, where a mask is grey")])
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


def _subject(volume: VolumeFiles) -> str:
    return _OF_MASK.sub("", volume.case.casefold())


def _folder(file: str) -> str:
    folder = str(PurePosixPath(file).parent).casefold()
    return "" if folder == "." else folder


def _of_one_run(mask: str, scan: str) -> bool:
    """Whether two files of BIDS name no different sessions or runs."""
    ours, theirs = (dict(_RUN.findall(file.casefold())) for file in (mask, scan))
    return all(ours[key] == theirs[key] for key in ours.keys() & theirs.keys())
