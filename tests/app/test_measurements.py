"""Measurements at a threshold, and the archive of masks."""

from __future__ import annotations

import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lgg_seg.app.measurements import Measurements, largest_slice, measure, pack_masks
from lgg_seg.app.uploads import Volume, read_upload
from tests.app.dropped import image, mask, tiff, zipped

SHAPE = (16, 12)


def volume(masks: tuple[int, ...] = (1, 2, 3)) -> Volume:
    files = {f"p/p_{n}.tif": tiff(image()) for n in (1, 2, 3)}
    files |= {f"p/p_{n}_mask.tif": tiff(mask() if n != 3 else np.zeros(SHAPE, np.uint8)) for n in masks}
    (read,) = read_upload([("p.zip", zipped(files))]).volumes
    return read


def measured(of: Volume, threshold: float = 0.5) -> Measurements:
    """The prediction has slice 1 but for a row, and nothing else; slice 3 is empty in both."""
    probability = np.full((3, *SHAPE), 0.1, np.float32)
    probability[0, 4:7, 2:9] = 0.8
    return measure(of, probability, threshold, "none", seen=False)


def test_dice_of_every_slice_and_of_the_whole_volume() -> None:
    result = measured(volume())
    tp, fn = 3 * 7, 7
    assert result.per_slice["dice"].tolist() == pytest.approx([2 * tp / (2 * tp + fn), 0, 1])
    assert result.per_volume["dice"][0] == pytest.approx(2 * tp / (2 * tp + fn + 4 * 7))
    assert result.per_slice["true_area_px"].tolist() == [28, 28, 0]


def test_without_a_mask_there_is_no_dice_and_no_true_area() -> None:
    result = measured(volume(masks=()))
    assert not {"dice", "true_area_px"} & {*result.per_slice, *result.per_volume}


def test_without_some_masks_dice_is_of_the_others_and_says_of_how_many() -> None:
    result = measured(volume(masks=(1,)))
    assert result.per_volume["dice"][0] == pytest.approx(2 * 21 / (2 * 21 + 7))
    assert result.per_volume["scored_slices"][0] == 1
    assert result.per_slice["dice"].isna().tolist() == [False, True, True]
    assert result.per_slice["true_area_px"].isna().tolist() == [False, True, True]


def test_another_threshold_gives_another_mask_of_the_same_probability() -> None:
    of = volume()
    assert measured(of, 0.05).mask.all()
    assert measured(of, 0.5).mask.sum() == 21
    assert not measured(of, 0.9).mask.any()


def test_the_largest_slice_and_the_middle_one_of_an_empty_mask() -> None:
    assert largest_slice(measured(volume()).mask) == 0
    assert largest_slice(np.zeros((5, 4, 4), np.bool_)) == 2


def test_the_archive_holds_a_mask_of_0_and_255_for_each_slice() -> None:
    of = volume()
    result = measured(of)
    with zipfile.ZipFile(BytesIO(pack_masks(of, result.mask))) as archive:
        assert archive.namelist() == [f"p/p_{n}_mask.tif" for n in (1, 2, 3)]
        for k, name in enumerate(archive.namelist()):
            with Image.open(archive.open(name)) as picture:
                assert (picture.format, picture.mode) == ("TIFF", "L")
                assert np.array_equal(np.asarray(picture), result.mask[k] * np.uint8(255))
    assert pack_masks(of, result.mask) == pack_masks(of, result.mask)


def test_the_archive_dropped_again_is_no_ground_truth() -> None:
    of = volume(masks=())
    result = measured(of)
    slices = {file: tiff(pixels) for file, pixels in zip(of.scan.files, of.scan.images, strict=True)}
    again = read_upload([("p.zip", zipped(slices)), ("masks.zip", pack_masks(of, result.mask))])
    assert not again.volumes[0].truth.known.any()
    (issue,) = again.issues
    assert issue.reason == "was written by an earlier prediction, as 2 others beside it were, and is no ground truth"


def test_the_table_has_the_predictions_columns_with_the_threshold() -> None:
    table = measured(volume()).per_slice
    assert table["area_px"].tolist() == [21, 0, 0]
    assert table["centroid_row"].tolist()[:1] == [5.0]
    assert table["threshold"].tolist() == [0.5] * 3
    assert table["file"].tolist() == ["p/p_1.tif", "p/p_2.tif", "p/p_3.tif"]
