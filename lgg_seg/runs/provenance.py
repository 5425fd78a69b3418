"""`provenance.json`: the code, command, versions, hardware and data behind a run's numbers."""

import hashlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import torch

from lgg_seg.config.groups import chosen_members
from lgg_seg.data.kaggle.index import Index
from lgg_seg.data.kaggle.listing import named_in
from lgg_seg.data.splits.split import SUBSETS, Split
from lgg_seg.hardware import Hardware, cpu_info
from lgg_seg.metrics import METRIC_VERSION
from lgg_seg.version import __version__

PACKAGES = (
    "torch",
    "torchvision",
    "pytorch-lightning",
    "torchmetrics",
    "hydra-core",
    "albumentations",
    "opencv-python-headless",
    "segmentation-models-pytorch",
    "timm",
    "numpy",
    "scipy",
)


def code_state() -> dict[str, Any]:
    """The git commit and whether files differ from it; both null where the code is not in a checkout."""
    place = Path(__file__).parent

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(place), *arguments], capture_output=True, timeout=10, encoding="utf-8"
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    # A package in an ignored folder of some other checkout must not claim that checkout's commit.
    if git("ls-files", "--error-unmatch", "__init__.py") is None:
        return {"commit": None, "dirty": None}
    changes = git("status", "--porcelain")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if changes is None else bool(changes)}


def versions() -> dict[str, str | None]:
    """Python's and the packages' versions; null where a package is not installed."""

    def version(package: str) -> str | None:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            return None

    return {
        "python": platform.python_version(),
        "lgg-seg": __version__,
        **{package: version(package) for package in PACKAGES},
    }


def hardware_metadata(hardware: Hardware) -> dict[str, Any]:
    """The device, its name, cores and memory; no host name and no path."""
    gpu = torch.cuda.get_device_name(hardware.device) if hardware.device.type == "cuda" else None
    return {
        "device": hardware.device.type,
        "gpu": gpu,
        "processor": cpu_info("model name") or platform.processor(),
        "cores": psutil.cpu_count(logical=False),
        "threads": torch.get_num_threads(),
        "memory_bytes": psutil.virtual_memory().total,
        "platform": f"{platform.system()} {platform.machine()}",
    }


def volume_digest(image_checksums: Iterable[str]) -> str:
    """16 hexadecimal digits of a volume, from its slices' checksums: they identify a patient under another name."""
    return hashlib.sha256("".join(image_checksums).encode()).hexdigest()[:16]


def patient_digests(index: Index) -> dict[str, str]:
    """The `volume_digest` of every patient by name."""
    return {patient.name: volume_digest(s.image_checksum for s in patient.slices) for patient in index.patients}


def split_metadata(index: Index, split: Split) -> dict[str, Any]:
    """The patients of each subset by name, with the digests of their volumes; and the split's protocol and hash."""
    digests = patient_digests(index)
    return {
        "protocol": split.protocol,
        "hash": split.hash,
        **{subset: {name: digests[name] for name in split.patients(index, subset)} for subset in SUBSETS},
    }


def known_patients(index: Index, volumes: Mapping[str, str]) -> list[str]:
    """Names of the patients who are among `volumes`, digests by name.

    By their digest, name or TCGA barcode, since a patient may be renamed, or their slices stored in another size.
    """
    known = frozenset(volumes.values())
    digests = patient_digests(index).items()
    return [name for name, digest in digests if name in volumes or digest in known or named_in(name, volumes)]


def has_same_data(metadata: Mapping[str, Any], index: Index, split: Split) -> bool:
    """Whether a `provenance.json` is of this data set and this split of it."""
    return (metadata["data_fingerprint"], metadata["split"]["hash"]) == (index.fingerprint, split.hash)


def data_differences(metadata: Mapping[str, Any], index: Index, split: Split) -> str:
    """In what a data set and its split differ from those of a `provenance.json`; empty where in nothing."""
    if has_same_data(metadata, index, split):
        return ""
    recorded, present = metadata["split"], split_metadata(index, split)
    before, now = ({name: (subset, digest) for subset in SUBSETS for name, digest in one[subset].items()}
                   for one in (recorded, present))  # fmt: skip
    both = before.keys() & now.keys()
    groups = {
        "gone": before.keys() - now.keys(),
        "new": now.keys() - before.keys(),
        "with other slices": {name for name in both if before[name][1] != now[name][1]},
        "in another subset": {name for name in both if before[name][0] != now[name][0]},
    }
    texts = [f"{len(names)} {what} ({', '.join(sorted(names)[:3])})" for what, names in groups.items() if names]
    return "patients " + ", ".join(texts) if texts else "masks, or slices in another subset"


def provenance(hardware: Hardware, overrides: Sequence[str], seed: int, index: Index, split: Split) -> dict[str, Any]:
    """What is needed to repeat the run; `wall_seconds` is added when it ends."""
    return {
        "code": code_state(),
        "command": ["python", "-m", "lgg_seg", *overrides],
        "choices": chosen_members(),
        "seed": seed,
        "versions": versions(),
        "hardware": hardware_metadata(hardware),
        "precision": hardware.precision,
        "channels_last": hardware.channels_last,
        "data_fingerprint": index.fingerprint,
        "split": split_metadata(index, split),
        "metric_version": METRIC_VERSION,
    }
