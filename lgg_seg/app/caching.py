"""What a rerun of the page does not do again. Cached objects are shared, not copied, and so never written to."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import streamlit as st

from lgg_seg.app.arguments import THRESHOLDS, Device, RunFolder, ZooName
from lgg_seg.app.measurements import Measurements, measure, pack_masks
from lgg_seg.app.pictures import Picture, SequenceChoice, background
from lgg_seg.app.uploads import Upload, Volume, read_upload
from lgg_seg.cli.arguments import parse_arguments
from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.errors import UserError, require
from lgg_seg.hardware import choose_hardware, configure_process
from lgg_seg.inference.arguments import Postprocess, Threshold
from lgg_seg.inference.model import Model
from lgg_seg.inference.runner import Probability
from lgg_seg.inference.trained import TrainedModel, from_run, from_zoo
from lgg_seg.inference.zoo import DEFAULT


@functools.cache
def cached_model(words: tuple[str, ...]) -> Model:
    """The network that `key=value` words name, loaded once a process."""
    return _load(**parse_arguments(words, _load))


def _load(
    run: RunFolder = None,
    zoo: ZooName = None,
    threshold: Threshold = None,
    postprocess: Postprocess = None,
    device: Device = "auto",
) -> Model:
    low, high = THRESHOLDS
    require(threshold is None or low <= threshold <= high, "threshold", threshold, f"between {low} and {high}")
    if run is not None and zoo is not None:
        raise UserError("run= and zoo= are both given; the page shows one network: leave one of them out.")
    trained = from_run(run) if run is not None else from_zoo(zoo or DEFAULT)
    configure_process()
    return Model([(trained, trained.runner(choose_hardware(device, "auto")))], threshold, postprocess)


def trained_network(model: Model) -> TrainedModel:
    """The one member of `cached_model`."""
    return model.members[0][0]


# Keys of arguments whose type Streamlit does not know, or knows too loosely.
_Keys = dict[str | type[Any], Callable[[Any], Any]]
_FILES: _Keys = {tuple: lambda file: f"{hashlib.sha256(file[1]).hexdigest()} {file[0]!r}"}
_PIXELS: _Keys = {Model: lambda model: trained_network(model).digest, Volume: lambda volume: volume.digest}
_ALL: _Keys = {
    Model: lambda model: f"{trained_network(model).digest} {model.postprocess}",
    Volume: lambda volume: volume.key,
}


@st.cache_resource(max_entries=2, show_spinner="Reading the files", hash_funcs=_FILES)
def cached_upload(dropped: Sequence[tuple[str, bytes]]) -> Upload:
    """`read_upload`, by the files' names and bytes."""
    return read_upload(dropped)


@st.cache_resource(max_entries=1, show_spinner="Drawing a head")
def cached_example() -> Upload:
    with TemporaryDirectory() as folder:
        root = write_phantom(Path(folder) / "example", patients=1, slices=20, size=256)
        files = sorted(root.glob("*/*.tif"))
        return read_upload([(f"example/{file.name}", file.read_bytes()) for file in files])


@st.cache_resource(max_entries=4, show_spinner="Segmenting the volume", hash_funcs=_PIXELS)
def cached_probability(model: Model, volume: Volume) -> Probability:
    """P(tumour), float32 (D, H, W), by pixels and weights: no threshold changes it."""
    try:
        probability = model.predict(volume.scan.images)
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):  # PyTorch has no error of its own for a CPU
            raise
        raise UserError("The memory does not suffice for this volume; start the page with device=cpu.") from error
    probability.setflags(write=False)
    return probability


@st.cache_resource(max_entries=8, show_spinner="Measuring", hash_funcs=_ALL)
def cached_measurements(model: Model, volume: Volume, threshold: float) -> Measurements:
    """`measure` at a threshold, by all that stands in the tables."""
    probability = cached_probability(model, volume)
    seen = model.was_trained_on(volume.digest, volume.name, volume.files.patient, *volume.scan.files)
    return measure(volume, probability, threshold, model.postprocess, seen)


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs=_ALL)
def cached_masks(model: Model, volume: Volume, threshold: float) -> bytes:
    """`pack_masks` at a threshold, as `cached_measurements`."""
    return pack_masks(volume, cached_measurements(model, volume, threshold).mask)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=_PIXELS)
def cached_background(volume: Volume, sequence: SequenceChoice) -> Picture:
    """`background`, by pixels."""
    return background(volume.scan.images, sequence)
