"""The numbers behind the pictures of a data set, against slices read one by one, and the page itself."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lgg_seg.config.groups import groups
from lgg_seg.data.__main__ import main
from lgg_seg.data.exploration import SIZES, augmented, examples, tumour_map
from lgg_seg.data.kaggle.index import Index, build_index
from lgg_seg.reporting.html.exploration import COLUMNS, strip


@pytest.fixture(scope="module")
def index(phantom_root: Path) -> Index:
    return build_index(phantom_root)


def test_the_map_counts_each_slice_once_in_its_third_of_the_volume(index: Index) -> None:
    tumours = tumour_map(index)
    for third in range(3):
        masks = [p.slices[row].read_mask() for p in index.patients for row in (2 * third, 2 * third + 1)]  # of 6 slices
        assert np.array_equal(tumours.slices[third][::4, ::4], np.sum(masks, axis=0)), "64 pixels on a grid of 256"
    inside, outside = tumours.intensities
    assert (inside.sum(axis=1) == sum(s.tumour_pixels for s in index.slices)).all()
    assert outside[1, :13].sum() == 0, "air is no head"


def test_examples_have_the_sizes_they_say_and_each_is_of_another_patient(index: Index) -> None:
    chosen = examples(index, 3)
    assert list(chosen) == ["no tumour", *SIZES]
    assert not any(s.tumour_pixels for s in chosen["no tumour"])
    pixels = [[s.tumour_pixels for s in chosen[name]] for name in SIZES]
    assert 0 < min(pixels[0]) <= max(pixels[0]) <= min(pixels[1]) <= max(pixels[1]) <= min(pixels[2])
    assert max(pixels[2]) == max(s.tumour_pixels for s in index.slices)
    assert all(len({s.patient for s in slices}) == len(slices) == 3 for slices in chosen.values())


def test_every_member_of_augment_is_drawn_and_none_leaves_the_slice_as_it_is(index: Index) -> None:
    one = max(index.slices, key=lambda s: s.tumour_pixels)
    drawn = augmented(one, 2)
    assert list(drawn) == groups()["augment"]
    for image, mask in drawn["none"]:
        assert np.array_equal(image, one.read_image())
        assert np.array_equal(mask, one.read_mask())
    assert not np.array_equal(drawn["classic"][0][0], drawn["classic"][1][0])


def test_titles_of_long_names_stand_clear_of_each_other_and_differ(index: Index) -> None:
    slices = [replace(index.slices[0], patient=f"BraTS-GLI-{k:05}-WWW", number=100 + k) for k in range(COLUMNS)]
    figure = strip(slices)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert len({title.partition(" / ")[0] for title in titles}) == COLUMNS
    boxes = [axes._left_title.get_window_extent() for axes in figure.axes]  # type: ignore[attr-defined]  # no getter
    assert all(one.x1 < following.x0 for one, following in pairwise(boxes))


def test_the_page_has_every_section_and_no_address(phantom_root: Path, tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    assert main(["explore", f"data.root={phantom_root}", f"output={page}"]) == 0
    text = page.read_text(encoding="utf-8")
    assert "12 patients, 72 slices" in text
    sections = ["slices", "places", "examples", "missing", "clinical", "augmentation"]
    assert re.findall(r'<section id="(\w+)"', text) == sections
    assert "neoplasm histologic grade" in text
    assert "TCGA_FG_P004" in text, "whose pre-contrast is FLAIR"
    assert not re.search(r"(src|href)=.?https?:", text)
    assert str(phantom_root.parent) not in text


def test_a_data_set_without_clinical_data_and_without_tumour_has_a_page(phantom_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for folder in sorted(p for p in phantom_root.iterdir() if p.is_dir())[:2]:
        (root / folder.name).mkdir(parents=True)
        for mask in folder.glob("*_1_mask.tif"):  # the first slice has no tumour
            for file in (mask, mask.with_name(mask.name.replace("_mask", ""))):
                shutil.copy(file, root / folder.name / file.name)
    page = tmp_path / "page.html"
    assert main(["explore", f"data.root={root}", f"output={page}"]) == 0
    text = page.read_text(encoding="utf-8")
    assert "2 patients, 2 slices" in text
    assert '<section id="places"' not in text
    assert "There is no" in text


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert main(["explore", f"data.root={tmp_path / 'gone'}", f"output={page}"]) == 2
    assert "gone is not there" in capsys.readouterr().err
    assert not page.exists()
