"""Publishing a run as a zoo entry: its weights in half precision, and its model card."""

import copy
import json
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors.torch import load, save
from torch import Tensor, nn

from lgg_seg.data.splits.split import LEAKY
from lgg_seg.deploy.cross_validation import cross_validated
from lgg_seg.deploy.model_card import model_card
from lgg_seg.deploy.pages import card_page
from lgg_seg.deploy.parity import compare, comparison_slices, exact_runner
from lgg_seg.errors import UserError
from lgg_seg.files import writable
from lgg_seg.inference.trained import from_run
from lgg_seg.inference.zoo import CARD, PAGE, WEIGHTS
from lgg_seg.runs.folder import RunFolder

MAX_BYTES = 16 * 10**6
MAX_CHANGED = 0.002  # of the positive decisions on the slices compared
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def add(
    run: Path,
    name: str,
    models: Path,
    data_root: Path | None,
    cross_validation: Path | None = None,
    note: str | None = None,
) -> Path:
    """Make an entry `name` in the folder `models` of a finished run, and return its folder.

    The numbers of its card are those of the run's test; of a run that was trained on every patient, those of the folds
    of its recipe in the folder `cross_validation`. `note` is one more of the card's limits.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"name={name} is no valid name; take small letters, digits and underscores.")
    target = models / name
    if target.exists():
        raise UserError(f"{target} is there already, and nothing is overwritten; remove it or take another name.")
    folder = RunFolder(run)
    if (state := folder.read_json("status.json")["state"]) != "finished":
        raise UserError(f"{folder.path} is {state}, not finished; go on with it by resume={folder.path}.")
    config, provenance = folder.read_config()[0], folder.read_json("provenance.json")
    trained = from_run(run)
    if provenance["split"]["test"]:
        if cross_validation is not None:
            raise UserError(f"{run} has a test of its own; leave cross_validation= out.")
        metrics = _tested(folder)
    elif cross_validation is None:
        raise UserError(
            f"{run} was trained on every patient and tested on nobody; name the folder with the folds of its recipe by "
            "cross_validation=FOLDER."
        )
    elif trained.target is not None:
        raise UserError(f"{run} is a classifier, for which the zoo takes no cross-validation; add a tested run.")
    else:
        metrics = cross_validated(run, cross_validation)
    content = save(halved(trained.network))
    if len(content) > MAX_BYTES:
        raise UserError(
            f"The weights of {trained.name} take {len(content) / 1e6:.1f} MB in half precision; the zoo has room for "
            f"{MAX_BYTES // 10**6} MB a model. Take a smaller network."
        )
    network = copy.deepcopy(trained.network)
    network.load_state_dict(load(content))
    of, batches = comparison_slices(trained, data_root, run)
    parity = compare(trained, exact_runner(network), of, batches)
    if parity.disagreeing > MAX_CHANGED * max(parity.positive, 1):
        raise UserError(
            f"In half precision {trained.name} changes {parity.disagreeing} of {parity.positive} decisions on "
            f"{parity.slices} slices of {parity.of}, which is too many; it cannot be published."
        )
    card = model_card(name, trained, config, metrics, provenance, content, parity)
    if note is not None:
        card["limits"].append(note)
    with TemporaryDirectory() as temporary:
        entry = Path(temporary) / name
        entry.mkdir()
        (entry / WEIGHTS).write_bytes(content)
        (entry / CARD).write_text(json.dumps(card, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        (entry / PAGE).write_text(card_page(card, trained.preprocess), encoding="utf-8")
        with writable(target, "name another models=."):
            models.mkdir(parents=True, exist_ok=True)
            shutil.move(entry, target)
    return target


def halved(network: nn.Module) -> dict[str, Tensor]:
    """The network's tensors, contiguous; convolutions and linear layers in float16.

    What has one number a channel (biases, batch norm) stays in float32: it may exceed float16's range, and is small.
    """
    return {
        name: (value.half() if value.is_floating_point() and value.ndim > 1 else value).contiguous()
        for name, value in network.state_dict().items()
    }


def _tested(folder: RunFolder) -> dict[str, Any]:
    """The numbers of a run that was tested on whole patients it had not seen."""
    metrics = folder.read_json("metrics.json")
    if metrics["truncated"]:
        raise UserError(f"{folder.path} was tested on a few patients only (evaluation.max_patients); test it on all.")
    if metrics["split"] != "test":
        raise UserError(f"{folder.path} was measured on its {metrics['split']} patients; test it on its test patients.")
    if metrics["protocol"] == LEAKY:
        raise UserError(f"{folder.path} was tested on slices of patients it was trained on; its numbers mean nothing.")
    if metrics.get("seen_patients"):
        raise UserError(
            f"{folder.path} was tested on patients its starting weights had seen; its numbers mean nothing."
        )
    return metrics
