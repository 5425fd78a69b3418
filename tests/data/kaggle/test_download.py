from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path

import pytest

from lgg_seg.data.kaggle.download import HANDLE, ensure_tree
from lgg_seg.errors import UserError


def _kaggle_can_be_reached() -> bool:
    try:
        socket.create_connection(("api.kaggle.com", 443), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.fixture
def kagglehub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))
    return tmp_path / "kagglehub"


def _fill(cache: Path, root: Path) -> Path:
    """Put a root where kagglehub keeps this version of the dataset, as Kaggle's zip unpacks: twice over."""
    version = cache / "datasets" / HANDLE
    shutil.copytree(root, version / "kaggle_3m")
    (version / "lgg-mri-segmentation" / "kaggle_3m").mkdir(parents=True)
    version.parent.with_name("2.complete").touch()
    return version / "kaggle_3m"


def test_data_that_are_there_are_used(phantom_root: Path) -> None:
    assert ensure_tree(phantom_root) == phantom_root


def test_cached_dataset_is_linked_without_asking_the_network(
    phantom_root: Path, kagglehub_cache: Path, tmp_path: Path
) -> None:
    root = _fill(kagglehub_cache, phantom_root)
    target = tmp_path / "data" / "kaggle_3m"
    assert ensure_tree(target) == target
    assert target.resolve() == root.resolve()
    assert len([p for p in target.iterdir() if p.is_dir()]) == 12


def test_link_to_a_lost_cache_is_renewed(phantom_root: Path, kagglehub_cache: Path, tmp_path: Path) -> None:
    root = _fill(kagglehub_cache, phantom_root)
    target = tmp_path / "kaggle_3m"
    target.symlink_to(tmp_path / "lost")
    assert ensure_tree(target).resolve() == root.resolve()


def test_folder_with_other_contents_is_refused_and_kept(kagglehub_cache: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match=r"holds no folder of .*slices"):
        ensure_tree(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text(encoding="utf-8") == "mine"
    assert not kagglehub_cache.exists()


@pytest.mark.skipif(_kaggle_can_be_reached(), reason="there is a network here; the test is about its absence")
def test_without_a_network_the_ways_out_are_named_within_seconds(kagglehub_cache: Path, tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(UserError, match=r"kaggle_3m is not there, .* downloaded .*by hand.*data\.root=.*data=phantom"):
        ensure_tree(tmp_path / "kaggle_3m")
    assert time.monotonic() - begin < 20
    assert not (tmp_path / "kaggle_3m").exists()
    assert not kagglehub_cache.exists()
