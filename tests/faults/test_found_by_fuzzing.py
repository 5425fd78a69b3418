"""Cases that `make fuzz` has found, each by itself."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lgg_seg.data.kaggle.images import ImageError, decode_scan
from lgg_seg.errors import UserError
from lgg_seg.runs.folder import RunFolder
from lgg_seg.training.resumption import require_same_config
from tests.faults.test_fuzz_inputs import tiff


def test_a_tiff_whose_tags_make_no_picture_is_damaged() -> None:
    with pytest.raises(ImageError, match="its pixels are no picture's"):
        decode_scan(tiff(random.Random("tiff-21")), "v.tif")


def test_a_checkpoint_with_hardly_any_config_is_refused_in_a_short_sentence(tmp_path: Path) -> None:
    config = OmegaConf.create({"model": {f"option_{number}": "é" * 300 for number in range(99)}})
    with pytest.raises(UserError, match=r"; and 94 more\. Put it back, or") as caught:
        require_same_config({"config": {}}, config, RunFolder(tmp_path))
    assert len(str(caught.value)) < 2000
