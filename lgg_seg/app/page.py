"""The page, which Streamlit runs anew at every click: upload, issues, one volume, and the network's tested quality."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from lgg_seg.app.caching import cached_example, cached_model, cached_upload, trained_network
from lgg_seg.app.limits import MAX_FILES, MAX_PIXELS, MAX_UPLOAD, MB
from lgg_seg.app.uploads import READ, Upload, Volume
from lgg_seg.app.viewer import escape_markdown, view
from lgg_seg.data.splits.split import LEAKY
from lgg_seg.errors import UserError
from lgg_seg.inference.model import Model
from lgg_seg.inference.zoo import CARD, read_card
from lgg_seg.runs.folder import RunFolder

NOTICE = (
    "Research software, no medical device: checked by no authority, not for diagnosis and not for any patient's care."
)
_MAX_LISTED = 5  # issues beside the volume; an expander lists more
_HELP = f"""Drop the files of **one patient**, or a zip of their folder: {READ}.

- Volumes are told by a word in their names: `NAME_flair.nii.gz`, `NAME_t1.nii.gz`, `NAME_t1ce.nii.gz`; series in DICOM
  by their descriptions. FLAIR alone is enough.
- Slices `NAME_1.tif`, `NAME_2.tif`, … are put in the order of their numbers. Three channels are pre-contrast, FLAIR and
  post-contrast; a single channel is FLAIR. Give **all** of a volume: intensities are normalised by the whole of it.
- `NAME_seg.nii.gz` or `NAME_1_mask.tif` beside them is the ground truth: it is drawn beside the prediction, and scored.
- Up to {MAX_UPLOAD // MB} MB, {MAX_FILES:,} files and {MAX_PIXELS // 10**6} million pixels. What is dropped stays on
  this computer."""
_METRICS = {
    "patient/dice": "Dice of a patient's volume",
    "patient/recall": "recall: share of the true volume that is predicted",
    "patient/precision": "precision: share of the predicted volume that is true",
    "patient/hd95_px": "95 % Hausdorff distance, pixels",
    "tumour_slice/dice": "Dice of slices with tumour",
    "detection/recall": "share of slices with tumour that are marked",
    "empty_slice/false_positive_rate": "share of slices without tumour that are marked",
}
_RUN_LIMITS = (
    "Nobody has written down what this network is good for: it is a run, not a model of the zoo.",
    "Expect less than the test says on any other scanner, disease or age than those it was trained on.",
)


def main(words: Sequence[str]) -> None:
    """Draw the page. `words` are the command's arguments that name the network and its decision rule."""
    st.set_page_config(page_title="lgg_seg: glioma in MRI slices", layout="wide", initial_sidebar_state="collapsed")
    st.html(Path(__file__).with_suffix(".css"))
    with st.bottom:
        st.caption(NOTICE)
    try:
        model = cached_model(tuple(words))
        st.markdown("#### Low-grade glioma in MRI slices")
        _upload(model)
        _card(model)
    except UserError as error:
        st.error(escape_markdown(str(error)))


def _upload(model: Model) -> None:
    """The file uploader, and all that follows from the files."""
    files = st.file_uploader(
        "NIfTI, DICOM or slices of one patient, with masks if there are any; or a zip of the folder",
        accept_multiple_files=True,
        key="dropped",
    )
    if files:
        upload = cached_upload([(file.name, file.getvalue()) for file in files])
    elif st.toggle("Show an example: a drawn head, with its masks", key="example"):
        upload = cached_example()
    else:
        st.markdown(_HELP)
        return
    _list_issues(upload)
    if not upload.volumes:
        return
    volume = upload.volumes[0]
    if len(names := [one.name for one in upload.volumes]) > 1:
        volume = upload.volumes[names.index(st.selectbox(f"Volume, of {len(names)} in the upload", names))]
    _list_notes(volume, model)
    view(model, volume)


def _list_issues(upload: Upload) -> None:
    """A sentence for each file that could not be used; an error where none could."""
    lines = [f"- {escape_markdown(issue.file)} {escape_markdown(issue.reason)}." for issue in upload.issues]
    few = "\n".join(lines[:_MAX_LISTED])
    if not upload.volumes:
        st.error(f"There is nothing here that can be shown.\n\n{few}")
    elif lines:
        st.warning(f"{'One file was' if len(lines) == 1 else f'{len(lines)} files were'} left out.\n\n{few}")
    if len(lines) > _MAX_LISTED:
        with st.expander(f"All {len(lines)} files that were left out"):
            st.dataframe([{"file": issue.file, "reason": issue.reason} for issue in upload.issues], hide_index=True)


def _list_notes(volume: Volume, model: Model) -> None:
    """What a reader of the result must know."""
    warnings = (*volume.scan.warnings, *model.warnings(len(volume.scan.images)))
    notes = [note[0].upper() + note[1:] for note in warnings]
    if model.was_trained_on(volume.digest, volume.name, volume.files.patient, *volume.scan.files):
        notes.append("The network was trained on this very volume, or chosen by it: expect less of it on a new one")
    if notes:
        st.info("  \n".join(f"{escape_markdown(note)}." for note in notes))


def _card(model: Model) -> None:
    """Tested quality and limits of the network: of a zoo entry from its card, of a run from its `metrics.json`."""
    folder = RunFolder(trained_network(model).source_dir)
    if (folder.path / CARD).is_file():
        card = read_card(folder.path)
        tested, metrics = card.get("tested", {}), card.get("metrics", {})
    else:
        card = {"limits": _RUN_LIMITS}
        tested = folder.read_json("metrics.json", missing_ok=True)
        metrics = tested.get("metrics", {})
    with st.expander(f"About the network {escape_markdown(model.name)}: how good it is, and where it ends"):
        st.markdown(escape_markdown(tested_on(tested, model.all_recorded)))
        if metrics:
            st.table(_metrics_table(metrics))
            trained = trained_network(model)
            if (model.threshold, model.postprocess) != (trained.threshold, trained.postprocess):
                rule = f"{trained.threshold:g} and the post-processing {trained.postprocess}"
                st.markdown(escape_markdown(f"It was measured at the threshold {rule}, not by this page's rule."))
        st.markdown("\n".join(f"- {escape_markdown(limit)}" for limit in card.get("limits", ())))
        for key in ("data", "licence"):
            if text := card.get(key):
                st.caption(escape_markdown(text))


def tested_on(tested: Mapping[str, Any], all_recorded: bool) -> str:
    """The patients that the metrics were measured on; `all_recorded`: whether we know all whom it has seen."""
    if not tested:
        return "This run was not tested: nothing is known of how good it is."
    patients = f"{tested['patients']} {tested['split']} patients, {tested['slices']} slices"
    if "statement" in tested:
        return f"Measured on {patients}. {tested['statement']}"
    if tested["protocol"] == LEAKY:
        return f"Measured on {patients}, whose other slices it was trained on: this says nothing of a new patient."
    if seen := tested.get("seen_patients"):
        return f"Measured on {patients}, of whom {seen} had shaped its weights: this says nothing of a new patient."
    if tested["split"] == "val":
        return f"Measured on {patients}, who chose its epoch: expect a little less of a new patient."
    if not all_recorded:
        return f"Measured on {patients}, who may be among those that shaped its starting weights: nobody recorded them."
    return f"Measured on {patients}; it was not trained on them."


def _metrics_table(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """`mean`, `95 % interval` and `median` of the metrics of `_METRICS` that were measured."""
    rows = []
    for key, name in _METRICS.items():
        if key in metrics:
            parts = metrics[key] if isinstance(metrics[key], Mapping) else {"mean": metrics[key]}
            mean, median = (_number(parts.get(part)) for part in ("mean", "median"))
            interval = " to ".join(_number(end) for end in parts.get("ci95") or ())
            rows.append({"measure": name, "mean": mean, "95 % interval": interval, "median": median})
    return pd.DataFrame(rows).set_index("measure")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main(sys.argv[1:])
