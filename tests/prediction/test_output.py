"""Names in an output folder: each is written once, whatever the disk takes, and no spreadsheet runs one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from lgg_seg.errors import UserError
from lgg_seg.predict import main
from lgg_seg.prediction.output import MAX_NAME, OutputFolder


def test_no_name_is_written_twice_not_even_in_another_case(tmp_path: Path) -> None:
    output = OutputFolder(tmp_path / "out")
    output.write_image("A/x_1_mask.tif", np.zeros((4, 4), np.uint8))
    with pytest.raises(UserError, match="written twice: two files of the input have one name"):
        output.write_image("a/X_1_mask.tif", np.ones((4, 4), np.uint8))
    assert [path.name for path in (tmp_path / "out").rglob("*.*")] == ["x_1_mask.tif"]


def test_long_foreign_and_formula_names_cost_no_other_patient(tmp_path: Path) -> None:
    names = ["p" * 240, "é" * 120, "=1+1", "-x", "plain", "\udcff"]
    for name in names:
        pixels = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
        (tmp_path / "in" / name).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "in" / name / f"{name}_1.tif", pixels, photometric="rgb")
    assert main(["device=cpu", "zoo=unet_slim", f"input={tmp_path / 'in'}", f"output={tmp_path / 'out'}"]) == 0
    masks = list((tmp_path / "out").rglob("*_mask.tif"))
    assert len(masks) == len(names)
    assert max(len(path.name.encode(errors="replace")) for path in masks) <= MAX_NAME
    for table in ("per_slice.csv", "per_volume.csv"):
        cells = pd.read_csv(tmp_path / "out" / table).select_dtypes(["object", "string"]).astype(str)
        assert len(cells) == len(names)
        assert not cells.map(lambda cell: cell.startswith(("=", "+", "-", "@"))).any(axis=None)
