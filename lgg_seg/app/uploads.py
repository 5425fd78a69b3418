"""Dropped files to volumes with their ground truth, by the readers of `predict`; an issue for each file left out."""

import re
import shutil
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp

from lgg_seg.app.archive import is_archive, unpack
from lgg_seg.app.limits import MAX_FILES, MAX_SIDE, MAX_UPLOAD, MB, Budget, LimitError, max_file, unsafe_path
from lgg_seg.data.kaggle.pixels import OPENCV, picture_header
from lgg_seg.data.kaggle.tiff import page_count
from lgg_seg.errors import UserError
from lgg_seg.prediction.job import scan_digest
from lgg_seg.scans.discover import ScanFiles, find_scans
from lgg_seg.scans.filenames import ITK_ENDINGS, is_picture, is_tiff
from lgg_seg.scans.roles import MASK, role_of
from lgg_seg.scans.scan import Issue, Scan, ScanError
from lgg_seg.scans.truth import MaskFiles, Truth, read_truth
from lgg_seg.scans.volumes import VolumeFiles

Files = Mapping[str, bytes]  # contents by path
# In the header of MetaImage and NRRD: any path, on this computer. Only LOCAL alone means the file itself.
_ELSEWHERE = re.compile(rb"(^|[\r\n])\s*(ElementDataFile\s*[=:](?!\s*LOCAL\s*[\r\n])|data ?file\s*:)", re.IGNORECASE)
READ = "slices in TIFF, PNG or JPEG, NIfTI, DICOM, .mgz, .mha or .nrrd"


class Folder:
    """A temporary folder that is removed with the last of its volumes."""

    def __init__(self) -> None:
        made = mkdtemp(prefix="lgg_seg_")
        self.path = Path(made) / "upload"  # a name of its own, since a folder's name may say what is in it
        weakref.finalize(self, shutil.rmtree, made, ignore_errors=True)


@dataclass(frozen=True)
class Volume:
    files: ScanFiles  # what it was read from, below `folder`
    folder: Folder  # of the upload
    scan: Scan  # the slices in order
    truth: Truth  # what the masks in the upload say
    digest: str  # of the slices' pixels
    key: str  # a digest of all that was dropped, and the volume's name

    @property
    def name(self) -> str:
        """The patient's, below the folders of the upload."""
        return self.files.name


@dataclass(frozen=True)
class Upload:
    """The volumes, and every file that could not be used."""

    volumes: tuple[Volume, ...]
    issues: tuple[Issue, ...]


def read_upload(dropped: Sequence[tuple[str, bytes]]) -> Upload:
    """Read dropped files, given as (name, bytes): scans as `find_scans` takes them, their masks, and zips of them."""
    issues: list[Issue] = []
    budget = Budget()
    try:
        if len(dropped) > MAX_FILES:
            raise LimitError(f"is more than {MAX_FILES:,} files; drop one patient at a time")
        if sum(len(content) for _, content in dropped) > MAX_UPLOAD:
            raise LimitError(f"is larger than {MAX_UPLOAD // MB} MB; drop one patient at a time")
        return _read(_files(dropped, budget, issues), budget, issues)
    except LimitError as error:
        return Upload((), (Issue("The upload", str(error)),))


def _read(files: Files, budget: Budget, issues: list[Issue]) -> Upload:
    """The volumes of files that lie within the limits, in order of their names."""
    folder = Folder()
    decodable = _decodable(files, budget, issues)
    _store(decodable, folder, issues)
    try:
        listing = find_scans(folder.path)
    except UserError:
        issues += _orphans(files, set(), decodable)
        return Upload((), tuple(issues) or (Issue("The upload", f"holds no scan; drop {READ}"),))
    masks, used, volumes = MaskFiles(listing), set(), []
    issues += [*map(_with_remedy_here, listing.issues), *masks.issues]
    dropped = repr([(path, sha256(content).digest()) for path, content in files.items()])
    digest = sha256(dropped.encode()).hexdigest()
    for source in listing.volumes:
        used.update(masks.all_of(source))
        try:
            if isinstance(source, VolumeFiles):
                slices, *sides = source.shape(folder.path)
                budget.take_pixels(slices * max(sides) ** 2)
            scan = source.read(folder.path)
        except ScanError as error:
            issues += error.issues
            continue
        truth, faults = read_truth(source, folder.path, scan, masks)
        issues += [*scan.issues, *faults]
        volumes.append(Volume(source, folder, scan, truth, scan_digest(scan), f"{digest} {source.name}"))
    used |= {issue.file for issue in issues}
    return Upload(tuple(volumes), (*issues, *_orphans(files, used, decodable)))


def _with_remedy_here(issue: Issue) -> Issue:
    """The issue with what helps on the page, where its remedy is an argument of `predict`."""
    fault, _, remedy = issue.reason.rpartition("; ")
    if "flair=" not in remedy:
        return issue
    way = "save its series in NIfTI, as dcm2niix does, and drop them" if "series" in fault else "drop each file"
    return replace(issue, reason=f"{fault}; {way} with the sequence at the end of the name: P1_flair, P1_t1, P1_t1ce")


def _files(dropped: Sequence[tuple[str, bytes]], budget: Budget, issues: list[Issue]) -> dict[str, bytes]:
    """Every file by its path, those of archives too. Of two whose paths differ in case alone, the first."""
    unpacked: list[tuple[str, bytes]] = []
    for name, content in dropped:
        if reason := unsafe_path(name):
            issues.append(Issue(name, reason))
        elif is_archive(content):
            try:
                members, left_out = unpack(name, content, budget)
            except LimitError as error:
                issues.append(Issue(name, str(error)))
                continue
            unpacked += members
            issues += left_out
        elif name.lower().endswith(".zip"):
            issues.append(Issue(name, "is no zip, or a damaged one; zip the folder again"))
        else:
            unpacked.append((name, content))
    files: dict[str, bytes] = {}
    firsts: dict[str, str] = {}
    for path, content in unpacked:
        first = firsts.setdefault(path.casefold(), path)
        if first in files:
            issues.append(Issue(path, f"comes after another of that name ({first}), and the first counts; rename one"))
        else:
            files[path] = content
    return files


def _decodable(files: Files, budget: Budget, issues: list[Issue]) -> dict[str, bytes]:
    """The files without those that their headers show to be unsafe; the squares that slices fit in are counted."""
    decodable = {}
    for path, content in files.items():
        try:
            if len(content) > max_file(path):
                raise ValueError(f"is larger than {max_file(path) // MB} MB, the limit of one file")
            if path.lower().endswith(ITK_ENDINGS) and _ELSEWHERE.search(content):
                raise ValueError("keeps its voxels in another file, which this page does not open; save it as one file")
            if is_tiff(path) or is_picture(path):
                pages, side = _pages(content, path)
                if role_of(path).kind != MASK:
                    budget.take_pixels(pages * side * side)
        except ValueError as error:
            issues.append(Issue(path, str(error)))
            continue
        decodable[path] = content
    return decodable


def _pages(data: bytes, name: str) -> tuple[int, int]:
    """The pages, and the longer side of each in pixels, of a TIFF, PNG or JPEG file that is safe to decode.

    A ValueError completes "the file …" for any other: a decoder could take more memory for it than the shape says.
    """
    header = picture_header(data, name)
    if header.tile is not None:
        raise ValueError("is stored in tiles, which this page does not read; save it in strips")
    if header.compression not in OPENCV:
        raise ValueError("is compressed in a way that this page does not read; save it with LZW compression or none")
    height, width = header.shape
    if max(header.shape) > MAX_SIDE or header.channels > 4:
        raise ValueError(
            f"declares {width} x {height} pixels of {header.channels} channels; the limit is {MAX_SIDE} x {MAX_SIDE}"
        )
    return page_count(data, MAX_FILES) if header.multipage else 1, max(header.shape)


def _store(files: Files, folder: Folder, issues: list[Issue]) -> None:
    """Write files, whose paths are safe, to a folder."""
    folder.path.mkdir()
    for path, content in files.items():
        try:
            (folder.path / path).parent.mkdir(parents=True, exist_ok=True)
            (folder.path / path).write_bytes(content)
        except OSError as error:
            issues.append(Issue(path, f"cannot be stored under that name ({error.strerror})"))


def _orphans(files: Files, used: set[str], decodable: Files) -> list[Issue]:
    """An issue for each mask of which no scan was dropped; those of scans that could not be used are none."""
    cases = {role_of(path).case for path in files if role_of(path).kind != MASK}
    left = [path for path in decodable if path not in used and role_of(path).kind == MASK]
    return [Issue(path, "is a mask without its slice") for path in left if role_of(path).case not in cases]
