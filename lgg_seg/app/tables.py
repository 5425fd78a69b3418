"""The features as tables to read, and as files to take away."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from lgg_seg.app.measurements import Findings, csv

_OF_SLICES = {
    "slice": ("slice", None),
    "area_px": ("area, px", None),
    "true_area_px": ("true area, px", None),
    "dice": ("Dice", "%.3f"),
    "parts": ("parts", None),
    "centroid_row": ("centroid, row", "%.1f"),
    "centroid_column": ("centroid, column", "%.1f"),
    "spread_px": ("spread, px", "%.1f"),
    "perimeter_px": ("perimeter, px", "%.1f"),
    "complexity": ("complexity", "%.2f"),
    "asd": ("ASD", "%.3f"),
    "mf": ("MF", "%.3f"),
    "mean_probability": ("mean P", "%.2f"),
}
_OF_VOLUMES = {
    "volume_voxels": ("volume, voxels", None),
    "dice": ("Dice", "%.3f"),
    "tumour_slices": ("slices", None),
    "parts": ("parts", None),
    "centroid_slice": ("centroid, slice", "%.1f"),
    "centroid_row": ("centroid, row", "%.1f"),
    "centroid_column": ("centroid, column", "%.1f"),
    "spread_slices": ("spread, slices", "%.1f"),
    "spread_px": ("spread, px", "%.1f"),
    "complexity": ("complexity", "%.2f"),
    "asd": ("ASD", "%.3f"),
    "mf": ("MF", "%.3f"),
    "bevr": ("BEVR", "%.3f"),
    "mean_probability": ("mean P", "%.2f"),
}
_WORDS = (
    "Lengths are in pixels and slices, for the files hold no voxel size. Places count from 0. Spread: root mean square "
    "distance from the centroid. Complexity: perimeter over that of the disc of the same area. ASD: angular standard "
    "deviation, and MF: margin fluctuation, of the largest part's outline (of the volume: in the slice with most). "
    "BEVR: volume over that of the smallest ellipsoid around it. P: probability within the outline."
)
_MOST_HEIGHT, _ROW = 390, 35


def features(findings: Findings) -> None:
    """The volume's row, and a row of each slice in which something was found or given; the CSV has every slice."""
    table = findings.per_slice
    areas = [name for name in ("area_px", "true_area_px") if name in table]
    shown = table[(table[areas] > 0).any(axis="columns")]
    if len(table) > 1:
        st.markdown("##### Features of the volume")
        _table(findings.per_volume, _OF_VOLUMES)
    st.markdown("##### Features of the slices with tumour" if len(table) > 1 else "##### Features of the slice")
    _table(shown if len(table) > 1 else table, _OF_SLICES)
    st.caption(_WORDS)


def _table(table: pd.DataFrame, names: Mapping[str, tuple[str, str | None]]) -> None:
    kept = [name for name in names if name in table]
    config = {name: st.column_config.NumberColumn(names[name][0], format=names[name][1]) for name in kept}
    numbers = table[kept].apply(pd.to_numeric)
    height = min(_MOST_HEIGHT, _ROW * (len(table) + 1) + 3)
    st.dataframe(numbers, hide_index=True, column_config=config, height=height, placeholder="")


def downloads(name: str, findings: Findings, masks: bytes) -> None:
    """Masks and both tables of the volume of that name.

    They are handed over as they are, not made when asked for: Streamlit forgets how to make them at every rerun, and a
    click in that moment would give nothing.
    """
    stem = name.replace("/", "_")
    files = (
        ("Masks (zip of TIFF)", f"{stem}_masks.zip", "application/zip", masks),
        ("Slices (CSV)", f"{stem}_per_slice.csv", "text/csv", csv(findings.per_slice)),
        ("Volume (CSV)", f"{stem}_per_volume.csv", "text/csv", csv(findings.per_volume)),
    )
    with st.container(horizontal=True):
        for label, file, kind, content in files:
            st.download_button(label, content, file, kind, on_click="ignore", icon=":material/download:")
