"""The page: what was dropped, what of it could not be used, one volume of it, and what is known of the network."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lgg_seg.app.caching import upload_of
from lgg_seg.app.card import facts, headline, limits_list, metrics_table
from lgg_seg.app.limits import MAX_FILES, MAX_PIXELS, MAX_UPLOAD, MB
from lgg_seg.app.model import Loaded, loaded
from lgg_seg.app.names import plain
from lgg_seg.app.uploads import Upload, Volume
from lgg_seg.app.viewer import study
from lgg_seg.errors import UserError

NOTICE = (
    "Research software, no medical device: checked by no authority, not for diagnosis and not for any patient's care."
)
_FEW = 5  # files whose faults are told at once
_STYLE = """<style>
.stMainBlockContainer {padding: 1.4rem 2rem 1rem}
[data-testid="stBottomBlockContainer"] {padding: .5rem 2rem; border-top: 1px solid #3a4048}
[data-testid="stBottomBlockContainer"] * {color: #e6e8ea !important; opacity: 1}
@media (max-width: 640px) {
  .stMainBlockContainer {padding: 1.2rem .8rem 1rem}
  [data-testid="stBottomBlockContainer"] {padding: .4rem .8rem}
}
</style>"""
_HELP = f"""Drop the slices of **one patient**: TIFF files, or a zip of their folder.

- `NAME_1.tif`, `NAME_2.tif`, … are put in the order of their numbers. Three channels are pre-contrast, FLAIR and
  post-contrast; a single channel is FLAIR.
- `NAME_1_mask.tif` beside `NAME_1.tif` is taken for its ground truth, drawn beside the prediction, and scored.
- Give **all** slices of a volume: intensities are normalised by the whole of it.
- Up to {MAX_UPLOAD // MB} MB, {MAX_FILES:,} files and {MAX_PIXELS // 10**6} million pixels. What is dropped stays on
  this computer."""


def show(words: Sequence[str]) -> None:
    """Draw the page. `words` are the command's arguments that name the network."""
    st.set_page_config(page_title="lgg_seg: glioma in MRI slices", layout="wide", initial_sidebar_state="collapsed")
    st.html(_STYLE)
    with st.bottom:
        st.caption(NOTICE)
    try:
        network = loaded(words)
        st.markdown("#### Low-grade glioma in MRI slices")
        _work(network)
        _card(network)
    except UserError as error:
        st.error(plain(str(error)))


def _work(network: Loaded) -> None:
    """From the files that were dropped to everything that is shown of them."""
    files = st.file_uploader(
        "Slices (.tif), their masks (…_mask.tif), or a zip of a patient's folder",
        accept_multiple_files=True,
        key="dropped",
    )
    if not files:
        st.markdown(_HELP)
        return
    upload = upload_of([(file.name, file.getvalue()) for file in files])
    _tell(upload)
    if not upload.volumes:
        return
    volume = _chosen(upload.volumes)
    _note(volume, network.model.was_trained_on(volume.digest))
    study(network, volume)


def _tell(upload: Upload) -> None:
    """Every file that could not be used, in a sentence; and that nothing could, where that is so."""
    lines = [f"- {plain(fault.file)} {plain(fault.reason)}." for fault in upload.faults]
    few = "\n".join(lines[:_FEW])
    if not upload.volumes:
        st.error(f"There is no slice here that can be shown.\n\n{few}")
    elif lines:
        st.warning(f"{'One file was' if len(lines) == 1 else f'{len(lines)} files were'} left out.\n\n{few}")
    if len(lines) > _FEW:
        with st.expander(f"All {len(lines)} files that were left out"):
            st.dataframe([{"file": fault.file, "reason": fault.reason} for fault in upload.faults], hide_index=True)


def _chosen(volumes: Sequence[Volume]) -> Volume:
    if len(volumes) == 1:
        return volumes[0]
    names = [volume.name for volume in volumes]
    return volumes[names.index(st.selectbox(f"Volume, of {len(names)} in the upload", names))]


def _note(volume: Volume, seen: bool) -> None:
    """What a reader of the result must know."""
    notes = [note[0].upper() + note[1:] for note in volume.scan.warnings]
    if seen:
        notes.append("The network was trained on this very volume, or chosen by it: expect less of it on a new one")
    if notes:
        st.info("  \n".join(f"{plain(note)}." for note in notes))


def _card(network: Loaded) -> None:
    known = facts(network.trained)
    with st.expander(f"About the network {plain(network.model.name)}: how good it is, and where it ends"):
        st.markdown(plain(headline(known["tested"])))
        if known["metrics"]:
            st.table(metrics_table(known["metrics"]).set_index("measure"))
        st.markdown(limits_list(known["limits"]))
        for text in (known["data"], known["licence"]):
            if text:
                st.caption(plain(text))
