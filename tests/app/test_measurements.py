"""What is measured at a threshold, and the files that are taken away."""

from __future__ import annotations

import zipfile
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lgg_seg.app.measurements import Findings, csv, find, largest_slice, masks_archive
from lgg_seg.app.uploads import Volume, read_upload
from tests.app.dropped import image, mask, tiff, zipped

SHAPE = (16, 12)


def volume(masks: tuple[int, ...] = (1, 2, 3)) -> Volume:
    files = {f"p/p_{n}.tif": tiff(image()) for n in (1, 2, 3)}
    files |= {f"p/p_{n}_mask.tif": tiff(mask() if n != 3 else np.zeros(SHAPE, np.uint8)) for n in masks}
    (read,) = read_upload([("p.zip", zipped(files))]).volumes
    return read


def findings(of: Volume, threshold: float = 0.5) -> Findings:
    """Slice 1 is found but for a row, nothing else is; of slice 3 nothing is there to be found."""
    probability = np.full((3, *SHAPE), 0.1, np.float32)
    probability[0, 4:7, 2:9] = 0.8
    return find(of, probability, threshold, "none", seen=False)


def test_dice_is_of_every_slice_and_of_the_whole_volume() -> None:
    found = findings(volume())
    tp, fn = 3 * 7, 7
    assert found.slice_dice.tolist() == pytest.approx([2 * tp / (2 * tp + fn), 0, 1])
    assert found.volume_dice == pytest.approx(2 * tp / (2 * tp + fn + 4 * 7))
    assert found.per_slice["true_area_px"].tolist() == [28, 28, 0]
    assert found.per_volume["dice"][0] == found.volume_dice


def test_without_a_mask_there_is_no_dice_and_no_true_area() -> None:
    found = findings(volume(masks=()))
    assert found.volume_dice is None
    assert np.isnan(found.slice_dice).all()
    assert not {"dice", "true_area_px"} & {*found.per_slice, *found.per_volume}


def test_where_some_masks_are_missing_dice_is_of_the_others_and_says_of_how_many() -> None:
    found = findings(volume(masks=(1,)))
    assert found.volume_dice == pytest.approx(2 * 21 / (2 * 21 + 7))
    assert found.per_volume["dice_slices"][0] == 1
    assert np.isnan(found.slice_dice).tolist() == [False, True, True]
    assert found.per_slice["true_area_px"].isna().tolist() == [False, True, True]


def test_another_threshold_finds_something_else_of_the_same_probability() -> None:
    of = volume()
    assert findings(of, 0.05).mask.all()
    assert findings(of, 0.5).mask.sum() == 21
    assert not findings(of, 0.9).mask.any()


def test_the_first_slice_shown_is_the_one_with_most_and_the_middle_where_there_is_nothing() -> None:
    assert largest_slice(findings(volume()).mask) == 0
    assert largest_slice(np.zeros((5, 4, 4), np.bool_)) == 2


def test_the_archive_holds_a_mask_of_0_and_255_for_each_slice_under_its_own_path() -> None:
    of = volume()
    found = findings(of)
    with zipfile.ZipFile(BytesIO(masks_archive(of, found.mask))) as archive:
        assert archive.namelist() == [f"p/p_{n}_mask.tif" for n in (1, 2, 3)]
        for k, name in enumerate(archive.namelist()):
            with Image.open(archive.open(name)) as picture:
                assert (picture.format, picture.mode) == ("TIFF", "L")
                assert np.array_equal(np.asarray(picture), found.mask[k] * np.uint8(255))
    assert masks_archive(of, found.mask) == masks_archive(of, found.mask)


def test_the_masks_can_be_dropped_again_as_ground_truth_and_agree() -> None:
    of = volume(masks=())
    found = findings(of)
    slices = {file: tiff(pixels) for file, pixels in zip(of.scan.files, of.scan.images, strict=True)}
    (again,) = read_upload([("p.zip", zipped(slices)), ("masks.zip", masks_archive(of, found.mask))]).volumes
    assert again.known.all()
    assert np.array_equal(again.truth, found.mask)


def test_the_table_in_the_file_is_the_one_that_was_measured() -> None:
    found = findings(volume())
    read = pd.read_csv(BytesIO(csv(found.per_slice)))
    assert read["area_px"].tolist() == [21, 0, 0]
    assert read["centroid_row"].tolist()[:1] == [5.0]
    assert read["threshold"].tolist() == [0.5] * 3
    assert read["file"].tolist() == ["p/p_1.tif", "p/p_2.tif", "p/p_3.tif"]
