"""Indexing is linear in the data: counted in calls, since clocks vary."""

from __future__ import annotations

import cProfile
import pstats
import shutil
import sys
from pathlib import Path
from typing import Any

from lgg_seg.data.kaggle.index import build_index
from lgg_seg.data.kaggle.listing import find_dataset_root

listed: list[Path] | None = None


def calls(root: Path, cache_dir: Path) -> int:
    with cProfile.Profile() as profile:
        build_index(root, cache_dir=cache_dir)
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]  # not in typeshed


def test_an_index_takes_work_in_proportion_to_the_patients(phantom_root: Path, tmp_path: Path) -> None:
    patients = sorted(path for path in phantom_root.iterdir() if path.is_dir())
    again = []
    for count in (1, 2, 4, 8):  # the first call of all imports and fills caches
        root = tmp_path / str(count)
        for patient in patients[:count]:
            shutil.copytree(patient, root / patient.name)
        calls(root, tmp_path / "cache")
        again.append(calls(root, tmp_path / "cache"))
    _, two, four, eight = again
    assert eight - four < 1.02 * 2 * (four - two)


def test_a_dataset_is_recognised_by_its_first_patient(phantom_root: Path) -> None:
    global listed
    sys.addaudithook(_note)
    listed = []
    try:
        assert find_dataset_root(phantom_root) == phantom_root
    finally:
        found, listed = listed, None
    assert len(found) == 2, "the root and one patient"


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    """A hook for good: Python has no way to remove one."""
    if event == "os.scandir" and listed is not None:
        listed.append(arguments[0])
