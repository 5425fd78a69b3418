"""Cases that `make fuzz` has found, each by itself."""

from __future__ import annotations

import random

import pytest

from lgg_seg.data.kaggle.images import ImageError, decode_scan
from tests.faults.test_fuzz_inputs import tiff


def test_a_tiff_whose_tags_make_no_picture_is_damaged() -> None:
    with pytest.raises(ImageError, match="its pixels are no picture's"):
        decode_scan(tiff(random.Random("tiff-21")), "v.tif")
