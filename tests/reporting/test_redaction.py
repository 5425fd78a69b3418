"""Texts and configs lose the folders of the machine, and nothing else."""

from __future__ import annotations

import pytest

from lgg_seg.reporting.redaction import without_folders, without_paths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/me/runs/a/best.ckpt is missing; is /home/me/runs/a a run's folder?",
         "…/best.ckpt is missing; is …/a a run's folder?"),
        ("data.root=/data/kaggle_3m", "data.root=…/kaggle_3m"),
        ("('/a/b/c.tif')", "('…/c.tif')"),
        (r"C:\Users\me\run is", "…/run is"),
        ("~/runs/x", "…/x"),
        ("and/or 3 slices/s, loss=bce/dice, 1/2", "and/or 3 slices/s, loss=bce/dice, 1/2"),
    ],
)  # fmt: skip
def test_absolute_paths_are_cut_to_their_last_part(text: str, expected: str) -> None:
    assert without_paths(text) == expected


def test_a_path_in_a_config_is_cut_to_its_last_part() -> None:
    config = {"data": {"root": "/home/me/kaggle_3m", "list": ["~/x/y", "a/b", 3, None]}, "name": "unet"}
    cut = {"data": {"root": "kaggle_3m", "list": ["y", "a/b", 3, None]}, "name": "unet"}
    assert without_folders(config) == cut
