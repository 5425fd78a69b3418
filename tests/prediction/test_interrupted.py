"""The output of an interrupted prediction, and the refusal to write one name twice."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.errors import UserError
from lgg_seg.prediction.output import OutputFolder
from tests.workplace import Command

ENOUGH = 60  # seconds


def test_after_sigterm_the_tables_hold_the_volumes_that_were_done(tmp_path: Path) -> None:
    write_phantom(tmp_path / "tree", patients=30, slices=10, size=64)
    words = ["zoo=unet_slim", "input=tree", "output=out", "overlays=all"]
    command = Command((tmp_path, os.environ | {"OMP_NUM_THREADS": "1"}), *words, module="lgg_seg.predict")
    end = time.monotonic() + ENOUGH
    while len(list((tmp_path / "out").glob("*"))) < 4 and time.monotonic() < end:
        time.sleep(0.01)
    command.send_signal(signal.SIGTERM)
    done = command.wait(ENOUGH)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert "Traceback" not in done.stderr
    volumes = pd.read_csv(tmp_path / "out" / "per_volume.csv")
    assert 0 < len(volumes) < 30, "the signal must arrive in the middle"
    slices = pd.read_csv(tmp_path / "out" / "per_slice.csv")
    assert set(slices["volume"]) == set(volumes["volume"])
    for name in volumes["volume"]:
        assert len(list((tmp_path / "out" / name).glob("*_mask.tif"))) == 10
    assert not (tmp_path / "out" / "provenance.json").exists(), "this file means that all is done"


def test_no_name_is_written_twice_not_even_in_another_case(tmp_path: Path) -> None:
    output = OutputFolder(tmp_path / "out")
    output.write_image("A/x_1_mask.tif", np.zeros((4, 4), np.uint8))
    with pytest.raises(UserError, match="written twice: two files of the input have one name"):
        output.write_image("a/X_1_mask.tif", np.ones((4, 4), np.uint8))
    assert [path.name for path in (tmp_path / "out").rglob("*.*")] == ["x_1_mask.tif"]
