"""One volume on the page: a slice of it, the threshold, the areas over the volume, its numbers, and downloads."""

import re
from pathlib import Path
from typing import NamedTuple

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from lgg_seg.app.arguments import THRESHOLDS
from lgg_seg.app.caching import (
    cached_background,
    cached_masks,
    cached_measurements,
    cached_probability,
    trained_network,
)
from lgg_seg.app.measurements import Measurements, largest_slice
from lgg_seg.app.pictures import (
    OPACITY,
    SEQUENCE_CHOICES,
    SequenceChoice,
    error_legend,
    errors,
    heat_legend,
    heated,
    outline_legend,
    outlined,
    windowed,
)
from lgg_seg.app.uploads import Volume
from lgg_seg.errors import UserError
from lgg_seg.inference.model import Model
from lgg_seg.prediction.output import encode_image
from lgg_seg.reporting.colours import PREDICTION_RGB, TRUTH_RGB
from lgg_seg.runs.folder import to_csv
from lgg_seg.scans.scan import Scan

_OUTLINES = {"prediction": PREDICTION_RGB, "ground truth": TRUTH_RGB}
_PREDICTION, _TRUTH = _OUTLINES
_COLUMN_SHARES = (4, 1)  # of the width: pictures, which a phone shows first, and controls
_PROBABILITY, _ERRORS = "probability", "errors"
_CHART_HEIGHT = 210
_MAX_TABLE_HEIGHT, _ROW_HEIGHT = 390, 35
# Label and format of the features' columns, in order.
_FEATURES = {
    "slice": ("slice", None),
    "area_px": ("area, px", None),
    "true_area_px": ("true area, px", None),
    "volume_voxels": ("volume, voxels", None),
    "volume_mm3": ("volume, mm³", "%.0f"),
    "true_voxels": ("true volume, voxels", None),
    "dice": ("Dice", "%.3f"),
    "hd95_px": ("HD95, px", "%.1f"),
    "tumour_slices": ("slices", None),
    "parts": ("parts", None),
    "centroid_slice": ("centroid, slice", "%.1f"),
    "centroid_row": ("centroid, row", "%.1f"),
    "centroid_column": ("centroid, column", "%.1f"),
    "spread_slices": ("spread, slices", "%.1f"),
    "spread_px": ("spread, px", "%.1f"),
    "perimeter_px": ("perimeter, px", "%.1f"),
    "complexity": ("complexity", "%.2f"),
    "asd": ("ASD", "%.3f"),
    "mf": ("MF", "%.3f"),
    "bevr": ("BEVR", "%.3f"),
    "mean_probability": ("mean P", "%.2f"),
}
_FEATURES_HELP = (
    "Lengths are in pixels and slices. Places count from 0. Spread: root mean square "
    "distance from the centroid. Complexity: perimeter over that of the disc of the same area. ASD: angular standard "
    "deviation, and MF: margin fluctuation, of the largest part's outline (of the volume: in the slice with most). "
    "BEVR: volume over that of the smallest ellipsoid around it. P: probability within the outline."
)
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")  # of ASCII, all of which Markdown lets one escape


def escape_markdown(text: str) -> str:
    """Text as Streamlit's Markdown prints it unchanged: a file's name may be a picture's address or a formula."""
    return _PUNCTUATION.sub(r"\\\1", text)


@st.fragment  # a click in here draws this alone anew, and reads no file again
def view(model: Model, volume: Volume) -> None:
    """Draw a volume; the network is run on it once."""
    try:
        _view(model, volume)
    except UserError as error:  # of a rerun of this fragment, which no caller of ours is around
        st.error(escape_markdown(str(error)))


class _Choices(NamedTuple):
    threshold: float
    sequence: SequenceChoice
    outlines: list[str]
    colours: str
    opacity: float
    window: tuple[int, int]


def _view(model: Model, volume: Volume) -> None:
    shown, controls = st.columns(_COLUMN_SHARES, gap="medium")
    with controls:
        choices = _choose(model, volume)
    measured = cached_measurements(model, volume, choices.threshold)
    with shown:
        k = _choose_slice(volume, measured)
        _show_slice(model, volume, measured, choices, k)
        st.caption(_place(volume.scan))
        _wheel()  # below the picture, as an element of no height has a gap all the same
    with controls:
        _numbers(volume, measured, k)
    if len(measured.mask) > 1:
        st.altair_chart(areas_chart(volume, measured, k), key="areas")
    _features(measured)
    _downloads(volume.name, measured, cached_masks(model, volume, choices.threshold))


def _choose(model: Model, volume: Volume) -> _Choices:
    threshold = st.slider(
        "Threshold",
        *THRESHOLDS,
        float(np.clip(model.threshold, *THRESHOLDS)),
        0.01,
        help=f"The probability from which a pixel counts as tumour; tested at {trained_network(model).threshold:g}.",
        key="threshold",
    )
    sequence = st.selectbox("Sequence", SEQUENCE_CHOICES, index=SEQUENCE_CHOICES.index("FLAIR"), key="sequence")
    has_truth = bool(volume.truth.known.any())
    names = (_PREDICTION, _TRUTH) if has_truth else (_PREDICTION,)
    outlines = st.pills("Outlines", names, selection_mode="multi", default=names, key=f"{len(names)} outlines")
    maps = (_PROBABILITY, _ERRORS) if has_truth else (_PROBABILITY,)
    colours = st.segmented_control("Colours", maps, default=_PROBABILITY, required=True, key=f"{len(maps)} maps")
    opacity = st.slider("Opacity of the colours", 0.0, 1.0, OPACITY, 0.05, key="opacity")
    window = st.slider(
        "Window and level",
        0,
        255,
        (0, 255),
        help="The grey values drawn black and white: their distance is the window, narrow for contrast; their middle "
        "is the level.",
        key="window",
    )
    return _Choices(threshold, sequence, outlines, colours, opacity, window)


def _show_slice(model: Model, volume: Volume, measured: Measurements, choices: _Choices, k: int) -> None:
    """Two pictures of slice `k` of the volume with their legends: outlines, and colours."""
    probability, truth = cached_probability(model, volume)[k], volume.truth
    place, in_slice = f"slice {volume.scan.numbers[k]}", bool(truth.known[k])
    grey = windowed(cached_background(volume, choices.sequence)[k], choices.window)
    outlines = outlined(
        grey,
        measured.mask[k] if _PREDICTION in choices.outlines else None,
        truth.mask[k] if _TRUTH in choices.outlines and in_slice else None,
    )
    if wrong := choices.colours == _ERRORS and in_slice:
        coloured = errors(grey, measured.mask[k], truth.mask[k], choices.opacity)
    else:
        coloured = heated(grey, probability, choices.opacity)
    left, right = st.columns(2)
    # Encoded here, several times as fast as by Streamlit: the reader waits for it at every slice.
    left.image(encode_image(outlines, ".png"), width="stretch", alt=f"{place} with outlines")
    some = {"none": "", "largest_component": ", largest part alone"}.get(model.postprocess, f", {model.postprocess}")
    rule = f"P ≥ {choices.threshold:.2f}{some}"
    left.html(outline_legend(rule, truth=bool(truth.known.any()), in_slice=in_slice))
    right.image(encode_image(coloured, ".png"), width="stretch", alt=f"{place}, {_ERRORS if wrong else _PROBABILITY}")
    right.html(error_legend() if wrong else heat_legend(float(probability.max())))


def _choose_slice(volume: Volume, measured: Measurements) -> int:
    """Index of the slice that the reader chose; at first the one with most tumour."""
    numbers = volume.scan.numbers
    if len(numbers) == 1:
        return 0
    key = f"slice {volume.digest} {volume.name}"
    if st.session_state.get(key) not in numbers:
        st.session_state[key] = numbers[largest_slice(measured.mask)]
    with st.container(key="slices"):
        number = st.select_slider(f"Slice, of {len(numbers)}: arrow keys, or the wheel on a picture", numbers, key=key)
    return numbers.index(number)


def _wheel() -> None:
    """Let the wheel on a picture, and the arrow keys wherever the focus is, move the slider of the slices."""
    script = Path(__file__).with_name("wheel.js").read_text(encoding="utf-8")
    st.components.v2.component("lgg_seg_wheel", js=script)(key="wheel")


def _place(scan: Scan) -> str:
    """Which side is the patient's left, and the size of a voxel, as far as the files say."""
    if not scan.left_is_known:
        left = "Left and right are as in the files, which do not say which side is the patient's left."
    else:
        left = "The patient's right is on the left of the picture, as radiologists look at it."
    if scan.sides_mm is None:
        return f"{left} The files hold no voxel size."
    return f"{left} A voxel is {' x '.join(f'{side:.3g}' for side in scan.sides_mm)} mm."


def _millilitres(scan: Scan, voxels: int) -> str:
    return "" if scan.voxel_mm3 is None else f"{voxels * scan.voxel_mm3 / 1000:.1f}"


def _numbers(volume: Volume, measured: Measurements, k: int) -> None:
    """Areas and Dice of the slice and of the volume."""
    areas, has_mask = measured.mask.sum(axis=(1, 2)), volume.truth.known
    true_areas, sized = volume.truth.mask.sum(axis=(1, 2)), volume.scan.voxel_mm3 is not None
    rows = [("", f"slice {volume.scan.numbers[k]}", "volume"), (":--", "--:", "--:")]
    rows += [("prediction, px", f"{areas[k]:,}", f"{areas.sum():,}")]
    if sized:
        rows += [("prediction, mL", "", _millilitres(volume.scan, areas.sum()))]
    if has_mask.any():
        of_slice, of_volume = measured.per_slice["dice"][k], measured.per_volume["dice"][0]
        area = f"{true_areas[k]:,}" if has_mask[k] else "none"
        empty = not (areas[k] or true_areas[k])
        dice = "" if not has_mask[k] else "no tumour in either" if empty else f"{of_slice:.3f}"
        whole = "no tumour in either" if not (areas[has_mask].any() or true_areas.any()) else f"{of_volume:.3f}"
        rows += [("ground truth, px", area, f"{true_areas.sum():,}")]
        if sized:
            rows += [("ground truth, mL", "", _millilitres(volume.scan, true_areas.sum()))]
        rows += [("Dice", dice, whole)]
    rows += [("slices with tumour", "", f"{np.count_nonzero(areas)} of {len(areas)}")]
    st.markdown("\n".join(f"| {' | '.join(row)} |" for row in rows))
    if has_mask.any() and not has_mask.all():
        st.caption(f"Of the volume, ground truth and Dice are of the {has_mask.sum()} slices that have a mask.")


def areas_chart(volume: Volume, measured: Measurements, k: int) -> alt.LayerChart | alt.FacetChart:
    """Bars of predicted areas over the slices, ticks of the ground truth's, and a line at slice `k` of the volume."""
    numbers, has_mask = np.array(volume.scan.numbers), volume.truth.known
    predicted = pd.DataFrame({"slice": numbers, "area": measured.mask.sum(axis=(1, 2)), "what": _PREDICTION})
    true_areas = volume.truth.mask[has_mask].sum(axis=(1, 2))
    true = pd.DataFrame({"slice": numbers[has_mask], "area": true_areas, "what": _TRUTH})
    names = [_PREDICTION, _TRUTH] if has_mask.any() else [_PREDICTION]
    colours = alt.Scale(domain=names, range=[f"rgb{_OUTLINES[name]}" for name in names])
    x = alt.X("slice:O", axis=alt.Axis(labelAngle=0, labelOverlap=True))
    encoding = {
        "x": x,
        "y": alt.Y("area:Q", title="area, px", axis=alt.Axis(tickCount=4)),
        "color": alt.Color("what:N", scale=colours, legend=alt.Legend(orient="top", title=None)),
        "tooltip": ["what:N", "slice:N", "area:N"],
    }
    bars = alt.Chart(predicted).mark_bar(opacity=0.75).encode(**encoding)
    ticks = alt.Chart(true).mark_tick(thickness=3, opacity=1).encode(**encoding)
    here = alt.Chart(predicted.iloc[[k]]).mark_rule(color="#ffffff", strokeDash=[4, 3]).encode(x=x)
    return alt.layer(bars, ticks, here, height=_CHART_HEIGHT)


def _features(measured: Measurements) -> None:
    """The volume's row, and a row of each slice with predicted or true tumour; the CSV has every slice."""
    slices = measured.per_slice
    if len(slices) > 1:
        st.markdown("##### Features of the volume")
        _table(measured.per_volume)
        st.markdown("##### Features of the slices with tumour")
        areas = [name for name in ("area_px", "true_area_px") if name in slices]
        _table(slices[(slices[areas] > 0).any(axis="columns")])
    else:
        st.markdown("##### Features of the slice")
        _table(slices)
    st.caption(_FEATURES_HELP)


def _table(table: pd.DataFrame) -> None:
    columns = {name: column for name, column in _FEATURES.items() if name in table}
    config = {name: st.column_config.NumberColumn(label, format=form) for name, (label, form) in columns.items()}
    numbers = table[list(columns)].apply(pd.to_numeric).dropna(axis="columns", how="all")
    height = min(_MAX_TABLE_HEIGHT, _ROW_HEIGHT * (len(table) + 1) + 3)
    st.dataframe(numbers, hide_index=True, column_config=config, height=height, placeholder="")


def _downloads(name: str, measured: Measurements, masks: bytes) -> None:
    """Buttons for the masks and both tables of the volume of that name.

    They get the content itself: Streamlit forgets functions at every rerun, and a click in that moment gives nothing.
    """
    stem = name.replace("/", "_")
    files = (
        ("Masks (zip)", f"{stem}_masks.zip", "application/zip", masks),
        ("Slices (CSV)", f"{stem}_per_slice.csv", "text/csv", to_csv(measured.per_slice)),
        ("Volume (CSV)", f"{stem}_per_volume.csv", "text/csv", to_csv(measured.per_volume)),
    )
    with st.container(horizontal=True):
        for label, file, kind, content in files:
            st.download_button(label, content, file, kind, on_click="ignore", icon=":material/download:")
