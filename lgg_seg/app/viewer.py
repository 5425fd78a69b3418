"""One volume: a slice of it at a time, the threshold, the volume at a glance, its numbers, and files to take away."""

from __future__ import annotations

import numpy as np
import streamlit as st

from lgg_seg.app.caching import background_of, findings_of, masks_of, probability_of
from lgg_seg.app.chart import areas_chart
from lgg_seg.app.legends import heat_legend, numbers_table, outline_legend
from lgg_seg.app.measurements import Findings, largest_slice
from lgg_seg.app.model import Loaded
from lgg_seg.app.names import plain
from lgg_seg.app.pictures import SHOWN, Picture, heated, outlined
from lgg_seg.app.tables import downloads, features
from lgg_seg.app.uploads import Volume
from lgg_seg.errors import UserError
from lgg_seg.inference.runner import Probability
from lgg_seg.prediction.output import encode_image

_PREDICTION, _TRUTH = "prediction", "ground truth"
_SHARES = (1, 4)  # of the width: what is chosen, and what is seen
_LOWEST, _HIGHEST = 0.01, 0.99


@st.fragment  # a click in here draws this alone anew, and reads no file again
def study(network: Loaded, volume: Volume) -> None:
    """Show a volume; the network is run on it once."""
    try:
        _study(network, volume)
    except UserError as error:  # of a rerun of this fragment, which no caller of ours is around
        st.error(plain(str(error)))


def _study(network: Loaded, volume: Volume) -> None:
    probability = probability_of(network, volume)
    left, right = st.columns(_SHARES, gap="medium")
    with left:
        threshold = st.slider(
            "Threshold",
            _LOWEST,
            _HIGHEST,
            float(np.clip(network.model.threshold, _LOWEST, _HIGHEST)),
            0.01,
            help=f"The probability from which a pixel counts as tumour; tested at {network.model.threshold:g}.",
            key="threshold",
        )
        shown = st.selectbox("Sequence", SHOWN, index=SHOWN.index("FLAIR"), key="sequence")
        choices = (_PREDICTION, _TRUTH) if volume.known.any() else (_PREDICTION,)
        outlines = st.pills(
            "Outlines", choices, selection_mode="multi", default=choices, key=f"{len(choices)} outlines"
        )
    findings = findings_of(network, volume, threshold)
    with right:
        k = _slice(volume, findings)
        grey = background_of(volume, shown)[k]
        _pictures(volume, probability, findings, k, grey, outlines, _rule(threshold, network.model.postprocess))
    with left:
        _numbers(volume, findings, k)
    if len(findings.mask) > 1:
        st.vega_lite_chart(areas_chart(volume, findings, k), width="stretch", key="areas")
    features(findings)
    downloads(volume.name, findings, masks_of(network, volume, threshold))


def _slice(volume: Volume, findings: Findings) -> int:
    """Where in the volume the reader is; at first where most was found."""
    numbers = volume.scan.numbers
    if len(numbers) == 1:
        return 0
    key = f"slice {volume.digest} {volume.name}"
    if st.session_state.get(key) not in numbers:
        st.session_state[key] = numbers[largest_slice(findings.mask)]
    return numbers.index(st.select_slider(f"Slice, of {len(numbers)}", numbers, key=key))


def _pictures(
    volume: Volume,
    probability: Probability,
    findings: Findings,
    k: int,
    grey: Picture,
    outlines: list[str],
    rule: str,
) -> None:
    found = findings.mask[k] if _PREDICTION in outlines else None
    given = volume.truth[k] if _TRUTH in outlines and volume.known[k] else None
    left, right = st.columns(2)
    place = f"slice {volume.scan.numbers[k]}"
    left.image(_png(outlined(grey, found, given)), width="stretch", alt=f"{place} with outlines")
    left.html(outline_legend(rule, given=bool(volume.known.any()), here=bool(volume.known[k])))
    right.image(_png(heated(grey, probability[k])), width="stretch", alt=f"{place}, probability")
    right.html(heat_legend(float(probability[k].max())))
    st.caption("Left and right are as in the files, which do not say which side is the patient's left.")


def _rule(threshold: float, postprocess: str) -> str:
    """From what on something is tumour, in a few words."""
    more = {"none": "", "largest_component": ", largest part alone"}.get(postprocess, f", {postprocess}")
    return f"P ≥ {threshold:.2f}{more}"


def _png(picture: Picture) -> bytes:
    """Encoded here: at every slice it is waited for, and Streamlit's own way takes several times as long."""
    return encode_image(picture, ".png")


def _numbers(volume: Volume, findings: Findings, k: int) -> None:
    """Of this slice and of the volume: what was found, what was given, and how far they agree."""
    areas, known = findings.mask.sum(axis=(1, 2)), volume.known
    rows = [("found, px", f"{areas[k]:,}", f"{areas.sum():,}")]
    if known.any():
        here = (f"{volume.truth[k].sum():,}", f"{findings.slice_dice[k]:.3f}") if known[k] else ("none", "")
        rows += [("ground truth, px", here[0], f"{volume.truth.sum():,}")]
        rows += [("Dice", here[1], f"{findings.volume_dice:.3f}")]
    rows += [("slices with tumour", "", f"{np.count_nonzero(areas)} of {len(areas)}")]
    st.html(numbers_table(f"slice {volume.scan.numbers[k]}", "volume", rows))
    if known.any() and not known.all():
        st.caption(f"Of the volume, ground truth and Dice are of the {known.sum()} slices whose mask was given.")
