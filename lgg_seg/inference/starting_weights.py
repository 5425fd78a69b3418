"""`model.weights`: the weights that a network starts from, and the patients who have shaped them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

from torch import nn

from lgg_seg.config.instantiate import to_plain
from lgg_seg.config.suggestions import did_you_mean
from lgg_seg.data.kaggle.index import Index
from lgg_seg.data.splits.split import Split
from lgg_seg.errors import UserError
from lgg_seg.files import file_sha256
from lgg_seg.inference.trained import restore
from lgg_seg.inference.zoo import CARD, names
from lgg_seg.networks.build import build_network, has_encoder_weights
from lgg_seg.networks.pretrained import load_network, read_state_dict
from lgg_seg.networks.reference import TRAINED_ON_THIS_DATA_SET, as_ours
from lgg_seg.runs.provenance import known_patients, patient_digests


@dataclass(frozen=True)
class StartingWeights:
    source: str  # `model.weights` without the folders above it
    part: Literal["network", "encoder"]
    sha256: str  # of the file
    patients: Mapping[str, str]  # digests by name of those who trained it or chose its checkpoint, in earlier runs too
    recorded: bool  # whether these are all of them, which nobody knows of a file; ImageNet has no patients

    def metadata(self, index: Index, split: Split) -> dict[str, Any]:
        """Their part of `provenance.json`; `seen` names the later subsets' patients whom they have seen."""
        patients = self.patients
        if self.sha256.startswith(TRAINED_ON_THIS_DATA_SET):
            patients = patient_digests(index)
        known = set(known_patients(index, patients))
        seen = {subset: [n for n in split.patients(index, subset) if n in known] for subset in ("val", "test")}
        return {**asdict(self), "patients": dict(patients), "seen": seen}

    def warning(self, index: Index, split: Split) -> str | None:
        """What a reader of the run's test must know; None where there is nothing."""
        tested = split.patients(index, "test")
        seen = self.metadata(index, split)["seen"]["test"]
        if seen:
            some = ", ".join(seen[:3]) + (", …" if len(seen) > 3 else "")
            return (
                f"{len(seen)} of {len(tested)} test patients trained the weights {self.source} or chose their "
                f"checkpoint ({some}): the test says nothing about new patients"
            )
        if tested and not self.recorded:
            return (
                f"whom the weights {self.source} have seen is not recorded: if test patients of this split are among "
                "them, the test says nothing about new patients"
            )
        return None


def start(model: Mapping[str, Any], channels: int) -> tuple[nn.Module, StartingWeights | None]:
    """The network of a `model` node as `model.weights` says, and what that is; None where the weights are random.

    `weights` is looked for in this order: a model of the zoo by its name or folder, the folder of a run (its best
    epoch), a file with the whole network's weights (see `networks.reference`), one with its encoder's, a published set
    of these.
    """
    weights: str | None = to_plain(model).get("weights")
    if weights is None:
        return build_network(model, channels), None
    path = Path(weights).expanduser()
    if weights in names() or any((path / name).exists() for name in ("config.yaml", CARD)):
        its, network = restore(weights if weights in names() else path), build_network(model, channels)
        load_network(network, its.network.state_dict(), its.source_dir)
        return network, StartingWeights(its.name, "network", its.digest, its.training_volumes, its.all_recorded)
    if path.is_file():
        network, state = build_network(model, channels), as_ours(read_state_dict(path))
        if state.keys() & network.state_dict().keys() or not has_encoder_weights(model):
            load_network(network, state, path)
            return network, StartingWeights(path.name, "network", file_sha256(path), {}, recorded=False)
    if not has_encoder_weights(model):
        raise UserError(
            f"model.weights={weights} is no run's folder, file of weights or model of the zoo, and no weights are "
            f"published for this network; {did_you_mean(weights, names())}"
        )
    network = build_network(model, channels, weights)
    file = cast(Path, network.weights_file)
    return network, StartingWeights(path.name, "encoder", file_sha256(file), {}, recorded=file != path)
