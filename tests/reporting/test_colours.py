"""Truth and prediction are told apart by everybody, and every picture has the same two colours."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

import lgg_seg
from lgg_seg.reporting.colours import OVERLAP, PREDICTION, TRUTH, rgb

# What a viewer without one kind of cone sees, in linear RGB: Machado, Oliveira and Fernandes 2009, severity 1.0.
VIEWERS = {
    "protanope": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranope": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanope": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "everybody else": np.eye(3),
}


def seen(colour: str, viewer: str) -> np.ndarray:
    """The colour in CIELAB, as the viewer sees it."""
    value = np.array(rgb(colour)) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    simulated = np.clip(np.array(VIEWERS[viewer]) @ linear, 0, 1)
    return rgb2lab(np.where(simulated <= 0.0031308, simulated * 12.92, 1.055 * simulated ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("viewer", VIEWERS)
def test_truth_prediction_and_where_both_are_differ_for_every_viewer(viewer: str) -> None:
    for one, other in itertools.combinations((TRUTH, PREDICTION, OVERLAP), 2):
        assert deltaE_ciede2000(seen(one, viewer), seen(other, viewer)) > 30


def test_the_simulation_shows_what_was_wrong_with_green_and_magenta() -> None:
    assert deltaE_ciede2000(seen("#2ca25f", "deuteranope"), seen("#d81b60", "deuteranope")) < 10


@pytest.mark.parametrize("colour", [TRUTH, PREDICTION])
def test_a_line_is_seen_on_a_dark_slice_and_on_white_paper(colour: str) -> None:
    lightness = seen(colour, "everybody else")[0]
    assert 45 < lightness < 75


def test_the_page_has_the_same_colours() -> None:
    style = (Path(lgg_seg.__file__).parent / "reporting" / "html" / "style.css").read_text(encoding="utf-8")
    assert f".truth {{ color: {TRUTH};" in style
    assert f".prediction {{ color: {PREDICTION};" in style
