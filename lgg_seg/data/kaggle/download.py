"""The Kaggle dataset `mateuszbuda/lgg-mri-segmentation`, fetched with kagglehub."""

import os
import socket
import urllib.request
from pathlib import Path

from filelock import FileLock

from lgg_seg.data.kaggle.listing import NOTHING, THREE_WAYS, find_dataset_root
from lgg_seg.errors import UserError
from lgg_seg.files import writable

# Naming the version lets kagglehub find it in its own cache without asking the network.
HANDLE = "mateuszbuda/lgg-mri-segmentation/versions/2"
_HOST = ("api.kaggle.com", 443)
_TIMEOUT_S = 8.0  # kagglehub itself waits without limit for a connection that a firewall swallows


def ensure_tree(target: Path) -> Path:
    """The dataset root at `target`, a link to kagglehub's cache: the dataset, near a gigabyte, is fetched at need."""
    if (root := find_dataset_root(target)) is not None:
        return root
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target} exists and {NOTHING}: {THREE_WAYS}")
    with writable(target, "the dataset goes there: choose another root."):
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            return find_dataset_root(target) or _link(target, _fetch(target))


def _fetch(target: Path) -> Path:
    cache = Path(os.environ.get("KAGGLEHUB_CACHE") or Path.home() / ".cache" / "kagglehub")
    try:
        if not (cache / "datasets" / HANDLE).is_dir():
            _check_network()
        # Importing kagglehub takes half a second that only a download should cost.
        import kagglehub

        folder = Path(kagglehub.dataset_download(HANDLE))
    except Exception as error:  # kagglehub passes on what requests, zipfile and its own client raise
        state = "is empty" if target.is_dir() else "is not there"
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(
            f"data root {target} {state}, and the Kaggle dataset cannot be downloaded to it ({reason}): {THREE_WAYS}"
        ) from error
    root = find_dataset_root(folder)
    if root is None:
        raise UserError(f"the download in {folder} holds no patients' folders; remove it and download again")
    return root


def _check_network() -> None:
    """Fail within seconds where Kaggle cannot be reached. Behind a proxy only kagglehub itself can tell."""
    if "https" in urllib.request.getproxies():
        return
    try:
        socket.create_connection(_HOST, timeout=_TIMEOUT_S).close()
    except OSError as error:
        raise ConnectionError(f"{_HOST[0]} cannot be reached: {error.strerror or error}") from error


def _link(target: Path, root: Path) -> Path:
    if target.is_symlink():
        target.unlink()  # it points to nothing, or data would have been found there
    elif target.exists():
        target.rmdir()
    target.symlink_to(root.resolve(), target_is_directory=True)
    return target
