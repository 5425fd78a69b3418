"""Dropped files become volumes in order with their masks, and every bad file one sentence."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import tifffile
from PIL import Image

from lgg_seg.app.limits import MAX_FILES, MAX_PIXELS, MAX_UPLOAD
from lgg_seg.app.uploads import Upload, Volume, read_upload
from lgg_seg.data.kaggle.images import decode_scan
from tests.app.dropped import image, mask, raw_tiff, tiff, zipped


def only(upload: Upload) -> Volume:
    (volume,) = upload.volumes
    return volume


def reasons(upload: Upload) -> dict[str, str]:
    return {issue.file: issue.reason for issue in upload.issues}


def test_slices_are_in_the_order_of_their_numbers_and_channels_in_the_files() -> None:
    pixels = {n: image() for n in (10, 9, 2, 1)}
    volume = only(read_upload([(f"TCGA_DU_1234_19990101_{n}.tif", tiff(one)) for n, one in pixels.items()]))
    assert volume.name == "TCGA_DU_1234_19990101"
    assert volume.scan.numbers == (1, 2, 9, 10)
    assert np.array_equal(volume.scan.images, np.stack([pixels[n] for n in (1, 2, 9, 10)]))
    assert not volume.truth.known.any()


def test_a_zip_of_a_patients_folder_is_the_same_as_its_files() -> None:
    files = {f"p/p_{n}.tif": tiff(image()) for n in (1, 2, 11)} | {"p/p_2_mask.tif": tiff(mask())}
    loose = only(read_upload([(path.removeprefix("p/"), content) for path, content in files.items()]))
    packed = only(read_upload([("anything.at.all", zipped(files))]))
    assert packed.scan.files == ("p/p_1.tif", "p/p_2.tif", "p/p_11.tif")
    assert np.array_equal(packed.scan.images, loose.scan.images)
    assert np.array_equal(packed.truth.mask, loose.truth.mask)
    assert packed.digest == loose.digest


def test_masks_of_0_and_255_and_of_0_and_1_are_the_same_ground_truth() -> None:
    files = [(f"a_{n}.tif", tiff(image())) for n in (1, 2, 3)]
    files += [("a_1_mask.tif", tiff(mask(tumour=255))), ("a_3_MASK.tif", tiff(mask(tumour=1)))]
    volume = only(read_upload(files))
    assert volume.truth.known.tolist() == [True, False, True]
    assert np.array_equal(volume.truth.mask[0], mask() > 0)
    assert np.array_equal(volume.truth.mask[2], mask() > 0)
    assert not volume.truth.mask[1].any()


def test_masks_may_lie_in_their_own_folder_unless_two_slices_have_the_name() -> None:
    files = {"x/images/a_1.tif": tiff(image()), "x/masks/a_1_mask.tif": tiff(mask())}
    assert only(read_upload([("x.zip", zipped(files))])).truth.known.all()
    two = read_upload(
        [
            (
                "x.zip",
                zipped(
                    {f"{folder}/a_1.tif": tiff(image()) for folder in "yz"} | {"x/masks/a_1_mask.tif": tiff(mask())}
                ),
            )
        ]
    )
    assert not any(volume.truth.known.any() for volume in two.volumes)
    assert reasons(two) == {"x/masks/a_1_mask.tif": "is a mask without its slice"}


def test_masks_in_a_folder_of_their_own_and_pictures_in_png_are_taken() -> None:
    pixels, truth = image(), mask()
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    upload = read_upload([("images/P_1.png", stream.getvalue()), ("masks/P_1.tif", tiff(truth))])
    assert upload.issues == ()
    (volume,) = upload.volumes
    assert np.array_equal(volume.scan.images[0], pixels)
    assert np.array_equal(volume.truth.mask[0], truth > 0)


@pytest.mark.parametrize("name", ["P_T1_1.tif", "t2/P_1.tif"])
def test_a_slice_of_another_sequence_is_not_shown_as_flair(name: str) -> None:
    upload = read_upload([(name, tiff(image()))])
    assert upload.volumes == ()
    assert "another sequence than FLAIR" in upload.issues[0].reason


def test_damaged_dicom_and_files_of_no_scan_are_one_sentence() -> None:
    (issue,) = read_upload([("IM1", bytes(128) + b"DICM")]).issues
    assert issue.reason == "cannot be read as DICOM; restore it from its source"
    (issue,) = read_upload([("notes.txt", b"none")]).issues
    assert issue.reason.startswith("holds no scan; drop slices in TIFF")


def test_the_pages_of_a_tiff_are_one_volume_and_count_against_the_limit() -> None:
    volume = np.random.default_rng(0).integers(0, 256, (4, 16, 12), dtype=np.uint8)
    stack = BytesIO()
    tifffile.imwrite(stack, volume, photometric="minisblack")
    scan = only(read_upload([("P1.tif", stack.getvalue())])).scan
    assert np.array_equal(scan.flair, volume)
    long = BytesIO()
    blank = np.zeros((MAX_PIXELS // 2048**2 + 1, 1, 2048), np.uint8)  # few pixels, but a network sees them as squares
    tifffile.imwrite(long, blank, photometric="minisblack")
    (issue,) = read_upload([("P1.tif", long.getvalue())]).issues
    assert "33 million pixels" in issue.reason


def test_every_folder_and_every_patient_is_a_volume_of_its_own() -> None:
    files = {f"{p}/{p}_{n}.tif": tiff(image()) for p in ("p", "q") for n in (1, 2)} | {"other.tif": tiff(image())}
    upload = read_upload([("tree.zip", zipped(files))])
    assert sorted(volume.name for volume in upload.volumes) == ["p", "q", "slices"]


def test_a_single_channel_is_flair() -> None:
    grey = image()[..., 0]
    volume = only(read_upload([("a.tif", tiff(grey))]))
    assert np.array_equal(volume.scan.images[0], np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a_2.tif", b"", "is empty"),
        ("a_2.tif", b"<!DOCTYPE html><html></html>", "is a web page saved under a TIFF's name"),
        ("a_2.tif", tiff(image())[:300], "is truncated"),
        ("a_2.tif", b"\x89PNG\r\n\x1a\n" + bytes(99), "is not a TIFF"),
        ("a_2.nii.gz", b"\x1f\x8b\x08" + bytes(500), "NIfTI"),
        ("a_2.tif", tiff(image(20, 20)), "is 20 x 20 pixels, where this volume's slices are 12 x 16"),
        ("a_2.tif", tiff(np.zeros((4000, 3000), np.uint8), "tiff_adobe_deflate"), "declares 3000 x 4000 pixels"),
        ("a_2.tif", tiff(np.zeros((1, 4000), np.uint8)), "declares 4000 x 1 pixels"),
        ("a_2.tif", bytes(17_000_000), "is larger than 16 MB"),
        ("a_01.tif", tiff(image()), "has the slice number 1 of"),
        ("a_1.TIFF", tiff(image()), "comes after another of that name"),
        ("A_1.tif", tiff(image()), "comes after another of that name"),
        ("b_1.tif", tiff(np.full((16, 12), 9, np.uint8)), "holds no intensities: every voxel is the same"),
        ("a_1_mask.tif", tiff(mask(8, 8)), "is a mask of 8 x 8 pixels, where its slice is 12 x 16"),
        ("a_1_mask.tif", tiff(mask(tumour=7)), "holds the values 0, 7"),
        ("a_1_mask.tif", tiff(image()), "3 channels, where a mask has 1"),
        ("a_9_mask.tif", tiff(mask()), "is a mask without its slice"),
        ("a\x1b[2J_1.tif", tiff(image()), "control characters"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named_with_its_fault_and_the_others_are_read(name: str, content: bytes, says: str) -> None:
    upload = read_upload([("a_1.tif", tiff(image())), (name, content), ("a_3.tif", tiff(image()))])
    assert 1 in only(upload).scan.numbers
    assert 3 in only(upload).scan.numbers
    (issue,) = upload.issues
    assert says in issue.reason
    assert issue.file in (name, "a_1.tif")  # of two with one number, either is the second
    assert "\n" not in issue.reason


def test_a_tiff_whose_decoding_takes_too_much_memory_is_refused_before() -> None:
    """Of 64 x 64 pixels: 97 KB in one tile took 380 MB to decode, 249 KB under a second width 490 MB."""
    size = [(256, 64), (257, 64)]
    tiles = raw_tiff([*size, (322, 1024), (323, 1024)], 324, bytes(1024 * 1024))
    twice = raw_tiff([(256, 16000), (256, 64), (257, 16000), (257, 64), (278, 64)], 273, bytes(64 * 64))
    plain = raw_tiff([*size, (278, 64)], 273, bytes(range(64)) * 64)
    assert decode_scan(tiles, "tiles.tif").shape == (64, 64, 3), "it has to be an image that would be read"
    upload = read_upload([("tiles.tif", tiles), ("twice.tif", twice), ("plain.tif", plain)])
    assert only(upload).scan.files == ("plain.tif",)
    assert "in tiles" in reasons(upload)["tiles.tif"]
    assert "says one thing twice" in reasons(upload)["twice.tif"]


def test_an_upload_beyond_a_limit_is_one_sentence() -> None:
    too_many = read_upload([(f"a_{n}.tif", b"") for n in range(MAX_FILES + 1)])
    too_large = read_upload([("a_1.tif", bytes(MAX_UPLOAD // 2)), ("a_2.tif", bytes(MAX_UPLOAD // 2 + 1))])
    side = 2048
    blank = tiff(np.zeros((side, side), np.uint8), "tiff_adobe_deflate")
    too_wide = read_upload([(f"a_{n}.tif", blank) for n in range(MAX_PIXELS // side**2 + 1)])
    strips = [(f"a_{n}.tif", tiff(np.zeros((1, side), np.uint8))) for n in range(MAX_PIXELS // side**2 + 1)]
    too_long = read_upload(strips)  # few pixels, but a network sees them as squares
    for upload, says in (
        (too_long, "33 million pixels"),
        (too_many, "2,000 files"),
        (too_large, "128 MB"),
        (too_wide, "33 million pixels"),
    ):
        assert not upload.volumes
        (issue,) = upload.issues
        assert says in issue.reason


def test_slices_far_apart_in_number_cost_no_more_than_their_files() -> None:
    volume = only(read_upload([("a_1.tif", tiff(image())), ("a_999999999.tif", tiff(image()))]))
    assert volume.scan.numbers == (1, 999_999_999)
