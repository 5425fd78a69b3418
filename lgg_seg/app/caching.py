"""What a rerun of the page does not do again. What is kept is shared, not copied, and so never written to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import streamlit as st

from lgg_seg.app.measurements import Findings, find, masks_archive
from lgg_seg.app.model import Loaded, probability
from lgg_seg.app.pictures import Picture, Shown, background
from lgg_seg.app.uploads import Upload, Volume, read_upload
from lgg_seg.inference.runner import Probability


def upload_of(dropped: Sequence[tuple[str, bytes]]) -> Upload:
    """`read_upload`, known again by every name and byte."""
    return _read(
        digest(*(part for name, content in dropped for part in (name.encode(errors="replace"), content))), dropped
    )


def probability_of(network: Loaded, volume: Volume) -> Probability:
    """`model.probability`, known again by the slices' pixels and the network's weights: no threshold changes it."""
    return _predict(volume.digest, network.trained.digest, network, volume)


def findings_of(network: Loaded, volume: Volume, threshold: float) -> Findings:
    """`findings.find` at a threshold, known again by all that stands in its tables."""
    return _find(_key(volume), network.trained.digest, threshold, network, volume)


def masks_of(network: Loaded, volume: Volume, threshold: float) -> bytes:
    """`findings.masks_archive` at a threshold, known again as `findings_of`."""
    return _pack(_key(volume), network.trained.digest, threshold, network, volume)


def background_of(volume: Volume, shown: Shown) -> Picture:
    """`pictures.background`, known again by the slices' pixels."""
    return _background(volume.digest, shown, volume)


def _key(volume: Volume) -> str:
    names = repr((volume.name, volume.scan.files, volume.scan.numbers, len(volume.scan.issues)))
    return digest(volume.digest.encode(), volume.truth.tobytes(), volume.known.tobytes(), names.encode())


def digest(*parts: bytes) -> str:
    """SHA-256 of parts, which does not depend on them alone but on where each ends."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()


# Streamlit takes arguments without an underscore for the key, and nothing else reads them.
@st.cache_resource(max_entries=2, show_spinner="Reading the slices")
def _read(key: str, _dropped: Sequence[tuple[str, bytes]]) -> Upload:  # noqa: ARG001  # the cache's key
    return read_upload(_dropped)


@st.cache_resource(max_entries=4, show_spinner="Segmenting the volume")
def _predict(volume: str, weights: str, _network: Loaded, _volume: Volume) -> Probability:  # noqa: ARG001  # the cache's key
    return probability(_network.model, _volume)


@st.cache_resource(max_entries=8, show_spinner="Measuring")
def _find(key: str, weights: str, threshold: float, _network: Loaded, _volume: Volume) -> Findings:  # noqa: ARG001  # the cache's key
    model = _network.model
    found = probability_of(_network, _volume)
    return find(_volume, found, threshold, model.postprocess, model.was_trained_on(_volume.digest))


@st.cache_resource(max_entries=2, show_spinner=False)
def _pack(key: str, weights: str, threshold: float, _network: Loaded, _volume: Volume) -> bytes:  # noqa: ARG001  # the cache's key
    return masks_archive(_volume, findings_of(_network, _volume, threshold).mask)


@st.cache_resource(max_entries=4, show_spinner=False)
def _background(volume: str, shown: Shown, _volume: Volume) -> Picture:  # noqa: ARG001  # the cache's key
    return background(_volume.scan.images, shown)
