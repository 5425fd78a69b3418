"""The page as Streamlit runs it, with the network of the zoo, on phantom patients."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import lgg_seg.app
from lgg_seg.app.caching import cached_model
from lgg_seg.app.limits import MAX_FILES
from lgg_seg.app.page import NOTICE
from lgg_seg.app.page import tested_on as sentence_of
from lgg_seg.data.splits.split import LEAKY
from lgg_seg.inference.runner import TorchRunner
from lgg_seg.runs.folder import RunFolder
from tests.app.dropped import image, mask, patient, tiff, zipped

SCRIPT = Path(lgg_seg.app.__file__).with_name("page.py")
WORDS = ("zoo=unet_slim", "device=cpu")


def opened(*words: str) -> AppTest:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(SCRIPT), *words])
        return AppTest.from_file(str(SCRIPT), default_timeout=60).run()


@pytest.fixture(autouse=True)
def _arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *WORDS])


@pytest.fixture
def page() -> AppTest:
    return opened(*WORDS)


@pytest.fixture(scope="module")
def head(heads: Path) -> bytes:
    return zipped(patient(heads))


def drop(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    page.file_uploader[0].set_value([(name, content, "application/octet-stream") for name, content in files])
    page.run()
    assert not page.exception
    return page


def elements(page: AppTest, kind: str) -> list[Any]:
    """Those without a class of their own in AppTest, too."""
    return list(page.get(kind))


def text_of(page: AppTest) -> str:
    """All text of the page, without the backslashes that keep names from being Markdown."""
    kinds = ("markdown", "caption", "html", "error", "warning", "info")
    return "\n".join(element.value for kind in kinds for element in elements(page, kind)).replace("\\", "")


def pictures(page: AppTest) -> list[str]:
    """Their addresses, which are digests of what is drawn."""
    return [address for element in elements(page, "image") for address in element.value]


@contextmanager
def forward_passes() -> Iterator[list[int]]:
    """The sizes of the batches that the network gets meanwhile."""
    batches: list[int] = []
    ((_, runner),) = cached_model(WORDS).members
    assert isinstance(runner, TorchRunner)
    hook = runner.network.register_forward_hook(lambda _, inputs, __: batches.append(len(inputs[0])))
    try:
        yield batches
    finally:
        hook.remove()


def test_the_empty_page_says_what_to_drop_and_that_it_is_no_medical_device(page: AppTest) -> None:
    assert not page.exception
    assert NOTICE in text_of(page)
    assert "no medical device" in NOTICE
    assert "_mask.tif" in text_of(page)
    assert not pictures(page)


def test_the_card_has_metrics_tested_patients_and_limits(page: AppTest) -> None:
    assert "18 test patients, 655 slices; it was not trained on them" in text_of(page)
    assert "healthy people" in text_of(page)
    assert page.table[0].value.loc["Dice of a patient's volume", "mean"] == "0.790"


def test_a_patients_zip_gives_pictures_numbers_tables_and_downloads(page: AppTest, head: bytes) -> None:
    drop(page, ("head.zip", head))
    assert len(pictures(page)) == 2
    assert [button.label for button in elements(page, "download_button")] == [
        "Masks (zip)", "Slices (CSV)", "Volume (CSV)"
    ]  # fmt: skip
    volume, slices = (element.value for element in page.dataframe)
    assert list(volume["tumour_slices"]) == [int((slices["area_px"] > 0).sum())]
    assert volume["volume_voxels"][0] == slices["area_px"].sum() > 100, "a network that finds nothing tests nothing"
    assert volume["dice"][0] > 0.3
    assert {"centroid_row", "spread_px", "asd", "mf"} <= set(slices)
    assert "ground truth" in text_of(page)
    assert NOTICE in text_of(page)
    assert not page.warning
    assert not page.error


def test_the_first_slice_is_the_largest_and_another_has_other_pictures(page: AppTest, head: bytes) -> None:
    drop(page, ("head.zip", head))
    slices = page.dataframe[1].value
    start = int(slices["slice"][slices["area_px"].idxmax()])
    assert page.select_slider[0].value == start
    assert f"| slice {start} |" in text_of(page)
    before = pictures(page)
    other = start - 1 if start > 1 else start + 1
    page.select_slider[0].set_value(other).run()
    assert not page.exception
    assert f"| slice {other} |" in text_of(page)
    assert set(pictures(page)).isdisjoint(before)


def test_the_decision_rule_of_the_command_is_that_of_the_page(heads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *WORDS, "threshold=0.3", "postprocess=largest_component"])
    page = drop(opened(*sys.argv[1:]), ("head.zip", zipped(patient(heads))))
    assert page.slider[0].value == 0.3
    assert "tested at 0.5" in page.slider[0].help
    assert "P ≥ 0.30, largest part alone" in text_of(page)
    assert "at the threshold 0.5 and the post-processing none, not by this page's rule" in text_of(page)


def test_the_threshold_changes_the_mask_and_runs_no_network(page: AppTest, heads: Path) -> None:
    files = patient(heads)
    name, content = next(iter(files.items()))
    files[name] = tiff(255 - np.asarray(np.frombuffer(content[-96 * 96 * 3 :], np.uint8)).reshape(96, 96, 3))
    with forward_passes() as batches:  # of a volume that no other test has dropped
        drop(page, ("head.zip", zipped(files)))
        assert sum(batches) == 8
        areas = [page.dataframe[0].value["volume_voxels"][0]]
        for threshold in (0.1, 0.9):
            page.slider[0].set_value(threshold).run()
            assert not page.exception
            areas.append(page.dataframe[0].value["volume_voxels"][0])
        page.select_slider[0].set_value(2).run()
        assert sum(batches) == 8
    assert areas[1] > areas[0] > areas[2]


def test_an_example_can_be_looked_at_without_a_file_of_ones_own(page: AppTest) -> None:
    page.toggle[0].set_value(True).run()
    assert not page.exception
    assert len(pictures(page)) == 2
    assert "ground truth" in text_of(page)


def test_a_slice_without_tumour_in_either_mask_has_no_dice(page: AppTest, head: bytes) -> None:
    drop(page, ("head.zip", head))
    with_tumour = set(page.dataframe[1].value["slice"])
    empty = next(number for number in range(1, 9) if number not in with_tumour)
    page.select_slider[0].set_value(empty).run()
    assert "| no tumour in either |" in text_of(page)
    assert "| 1.000" not in text_of(page)


def test_the_sequence_and_the_outlines_can_be_chosen(page: AppTest, head: bytes) -> None:
    drop(page, ("head.zip", head))
    outlined, heat = pictures(page)
    page.button_group[0].set_value([]).run()
    bare, same = pictures(page)
    assert bare != outlined
    assert same == heat
    page.selectbox[0].set_value("post-contrast").run()
    assert set(pictures(page)).isdisjoint({bare, heat})


def test_loose_slices_without_masks_have_no_ground_truth_and_no_dice(page: AppTest, heads: Path) -> None:
    slices = {path.split("/")[1]: content for path, content in patient(heads).items() if "_mask" not in path}
    drop(page, *slices.items())
    assert page.select_slider[0].options == [str(n) for n in range(1, 9)]
    assert "ground truth" not in text_of(page)
    assert "dice" not in page.dataframe[0].value


def test_a_single_slice_comes_with_a_warning_of_its_normalisation(page: AppTest, heads: Path) -> None:
    path, content = next((path, c) for path, c in patient(heads).items() if path.endswith("_4.tif"))
    drop(page, (path.split("/")[1], content))
    assert len(pictures(page)) == 2
    assert not page.select_slider
    assert "normalised by its own statistics" in page.info[0].value


def test_a_gap_and_a_missing_sequence_are_noted(page: AppTest) -> None:
    grey = [tiff(image(96, 96)[..., 0]) for _ in range(4)]
    drop(page, *((f"a_{n}.tif", content) for n, content in zip((1, 2, 5, 7), grey, strict=True)))
    text = page.info[0].value.replace("\\", "")
    assert "there is no slice 3 to 4, 6" in text
    assert "FLAIR stands in for the missing pre-contrast and post-contrast sequences: expect a worse mask" in text


def test_one_of_two_patients_can_be_chosen(page: AppTest, heads: Path) -> None:
    first, second = sorted(path.name for path in heads.iterdir() if path.is_dir())
    drop(page, ("tree.zip", zipped(patient(heads, first) | patient(heads, second))))
    chosen = page.selectbox[0]
    assert chosen.options == [first, second]
    before = pictures(page)
    chosen.set_value(second).run()
    assert not page.exception
    assert set(pictures(page)).isdisjoint(before)


BOMB = dict.fromkeys((f"a_{number}.tif" for number in range(17)), bytes(16_000_000))
LARGE = np.zeros((5000, 5000), np.uint8)


@pytest.mark.parametrize(
    ("name", "made", "says"),
    [
        (
            "bomb.zip",
            lambda: zipped(BOMB),
            "unpacks to more than 256 MB",
        ),
        ("many.zip", lambda: zipped({f"a_{n}.tif": b"" for n in range(MAX_FILES + 1)}), "holds more than 2,000 files"),
        ("out.zip", lambda: zipped({"../../a_1.tif": tiff(image())}), "leads out of its archive"),
        ("a_1.tif", lambda: b"<html>", "is a web page saved under a TIFF's name"),
        (
            "a_1.tif",
            lambda: tiff(LARGE, "tiff_adobe_deflate"),
            "declares 5000 x 5000 pixels",
        ),
        ("a_1_mask.tif", lambda: tiff(mask()), "is a mask without its slice"),
        ("empty.zip", lambda: zipped({}), "is an empty zip"),
    ],
)
def test_a_bad_upload_is_one_sentence_and_no_traceback(
    page: AppTest, name: str, made: Callable[[], bytes], says: str
) -> None:
    drop(page, (name, made()))
    (error,) = page.error
    assert says in error.value.replace("\\", "")
    assert "Traceback" not in error.value
    assert not pictures(page)
    assert NOTICE in text_of(page)


def test_file_names_are_not_markdown(page: AppTest, head: bytes) -> None:
    """A picture's address in a name would have the reader's browser fetch it."""
    drop(page, ("head.zip", head), ("![x](https:example.com)<b>_1.tif", b"x"), (":red[x]_2.tif", b"x"))
    text = page.warning[0].value
    assert "2 files were left out" in text
    assert r"\!\[x\]\(https\:example\.com\)\<b\>\_1\.tif is not a TIFF" in text
    assert r"\:red\[x\]" in text
    assert len(pictures(page)) == 2


def test_a_runs_page_names_its_tested_patients_and_training_volumes(
    trained_run: Path, phantom_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (f"run={trained_run}", "device=cpu")
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
    page = opened(*words)
    assert "Measured on 4 test patients" in text_of(page)
    assert "not a model of the zoo" in text_of(page)
    split = RunFolder(trained_run).read_json("provenance.json")["split"]
    for subset, seen in (("train", True), ("val", True), ("test", False)):
        drop(page, ("head.zip", zipped(patient(phantom_root, next(iter(split[subset]))))))
        assert any("trained on this very volume" in one.value for one in page.info) == seen, subset


@pytest.mark.parametrize(
    ("changes", "all_recorded", "says"),
    [
        ({}, True, "; it was not trained on them."),
        ({}, False, "may be among those that shaped its starting weights"),
        ({"seen_patients": 2}, True, ", of whom 2 had shaped its weights: this says nothing of a new patient."),
        ({"protocol": LEAKY}, True, "whose other slices it was trained on: this says nothing of a new patient."),
    ],
)
def test_the_page_says_what_the_tested_patients_stand_for(
    changes: dict[str, Any], all_recorded: bool, says: str
) -> None:
    tested = {"patients": 4, "split": "test", "slices": 24, "protocol": "patient"} | changes
    sentence = sentence_of(tested, all_recorded)
    assert sentence.startswith("Measured on 4 test patients, 24 slices")
    assert says in sentence


def test_an_unknown_network_is_one_sentence() -> None:
    page = opened("zoo=nothing")
    assert not page.exception
    assert "no model of the zoo" in page.error[0].value.replace("\\", "")
    assert NOTICE in text_of(page)
