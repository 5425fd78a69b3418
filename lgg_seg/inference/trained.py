"""A network with all that is needed to use it, out of a run's folder or of the zoo."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch import nn

from lgg_seg.config.instantiate import instantiate, to_plain
from lgg_seg.config.validation import check_groups
from lgg_seg.data.preprocessing import Preprocess
from lgg_seg.data.splits.split import LEAKY
from lgg_seg.errors import UserError
from lgg_seg.files import file_sha256
from lgg_seg.hardware import Hardware
from lgg_seg.inference import BATCH_SIZE
from lgg_seg.inference.folding import folded
from lgg_seg.inference.runner import TorchRunner
from lgg_seg.inference.zoo import CARD, entry_folder, names, read_card, read_weights
from lgg_seg.networks import without_pretrained
from lgg_seg.networks.build import build_network, target_of
from lgg_seg.networks.classifier import Target
from lgg_seg.runs.checkpoint import load_weights
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.latest import find_run

log = logging.getLogger(__name__)
NATIVE = 256  # pixels, where slices are not resized: any size tells what follows what
NODES = ("model", "preprocess", "evaluation")


@dataclass(frozen=True)
class TrainedModel:
    """A trained network in float32 on the CPU, with its preprocessing and the decision rule it was tested with."""

    name: str  # the run folder's or the zoo entry's
    network: nn.Module
    preprocess: Preprocess
    target: Target | None  # of a classifier; None for a network that segments
    threshold: float  # lowest probability of tumour
    postprocess: str  # a name of `runner.POSTPROCESSES`
    tta: bool  # test-time augmentation
    digest: str  # SHA-256 of the file with the weights
    training_volumes: Mapping[str, str]  # digests by name of the patients who trained it or chose its checkpoint
    all_recorded: bool  # whether these are all of them: not if it was fine-tuned from a file of weights
    config: Mapping[str, Any]  # nodes `model` and `preprocess` as plain containers, from which both can be built again
    source_dir: Path  # the run's or the zoo entry's

    def runner(self, hardware: Hardware, batch_size: int = BATCH_SIZE, *, compiled: bool = False) -> TorchRunner:
        """The network on that hardware, as fast as it predicts; to have it `compiled` takes a minute or two."""
        channels, size = self.preprocess.channel_count, self.preprocess.size or NATIVE
        runner = TorchRunner(folded(self.network, channels, size), hardware, batch_size)
        if compiled:
            runner.compile(channels, size)
        return runner


def restore(source: str | Path) -> TrainedModel:
    """A model of the zoo by its name, or from the folder of a run or of a zoo entry."""
    path = Path(source)
    if (path / "config.yaml").exists():
        return from_run(path)
    if path.is_dir() and not (path / CARD).exists() and str(source) not in names():
        raise UserError(f"{source} is neither a run's folder (no config.yaml) nor a zoo entry (no card.json).")
    return from_zoo(source)


def from_run(path: Path) -> TrainedModel:
    """A run's network with the weights of its best epoch."""
    folder = RunFolder(find_run(path))
    config, _ = folder.read_checked_config(NODES)
    nodes = {"model": without_pretrained(to_plain(config.model)), "preprocess": to_plain(config.preprocess)}
    target, network, preprocess = _built(nodes)
    load_weights(network, folder.best)
    if (state := folder.read_json("status.json")["state"]) != "finished":
        log.warning("%s is %s: its best epoch so far is used, which was not tested", folder.path.name, state)
    settings = instantiate(config.evaluation, "evaluation")
    provenance = folder.read_json("provenance.json")
    return TrainedModel(
        name=folder.path.name,
        network=network.eval(),
        preprocess=preprocess,
        target=target,
        threshold=float(tested_threshold(folder, settings)["value"]),
        postprocess=settings.postprocess,
        tta=settings.tta,
        digest=file_sha256(folder.best),
        training_volumes=training_volumes(provenance),
        all_recorded=starting_weights(provenance)["recorded"],
        config=nodes,
        source_dir=folder.path,
    )


def from_zoo(source: str | Path) -> TrainedModel:
    """A model of the zoo by its name, or by the folder of its entry."""
    folder = entry_folder(source)
    card = read_card(folder)
    try:
        check_groups(card, ("model", "preprocess"))
    except UserError as error:
        raise UserError(f"{folder / CARD}: {error}") from error
    weights = read_weights(folder, card)
    target, network, preprocess = _built(card)
    try:
        network.load_state_dict(weights)  # which makes float32 of float16
    except RuntimeError as error:
        raise UserError(f"The weights in {folder} belong to another network than its card describes.") from error
    return TrainedModel(
        name=folder.name,
        network=network.eval(),
        preprocess=preprocess,
        target=target,
        threshold=float(card["threshold"]["value"]),
        postprocess=card["postprocess"],
        tta=card.get("tta", False),
        digest=card["weights"]["sha256"],
        training_volumes=training_volumes(card["training"]),
        all_recorded=starting_weights(card["training"])["recorded"],
        config={"model": card["model"], "preprocess": card["preprocess"]},
        source_dir=folder,
    )


def training_volumes(provenance: Mapping[str, Any]) -> dict[str, str]:
    """Digests by name of the patients who trained a network or chose its checkpoint, or its starting weights'.

    `provenance` is a run's, or the `training` of a card.
    """
    split = provenance["split"]
    # Under a leaky protocol slices of every test patient were trained on.
    subsets = ("train", "val", "test") if split["protocol"] == LEAKY else ("train", "val")
    own = {name: digest for subset in subsets for name, digest in split[subset].items()}
    return {**starting_weights(provenance)["patients"], **own}


def starting_weights(provenance: Mapping[str, Any]) -> Mapping[str, Any]:
    """`StartingWeights.metadata` of a run or a card; of one with random weights, that nobody was seen."""
    return provenance.get("starting_weights") or {"patients": {}, "recorded": True, "seen": {"val": [], "test": []}}


def tested_threshold(folder: RunFolder, settings: Any) -> dict[str, Any]:
    """The threshold a run was tested with and where it comes from, of its `EvaluationSettings`."""
    tested = folder.read_json("metrics.json", missing_ok=True)
    if "threshold" in tested:
        return cast(dict[str, Any], tested["threshold"])
    if settings.threshold != "fixed":
        raise UserError(
            f"{folder.path} was not tested, so its threshold is not chosen; python -m lgg_seg resume={folder.path} "
            "does it."
        )
    return {"value": settings.fixed_threshold, "from": "fixed"}


def _built(nodes: Mapping[str, Any]) -> tuple[Target | None, nn.Module, Preprocess]:
    """An untrained network and its preprocessing; nothing is fetched for it."""
    model = nodes["model"]
    preprocess = cast(Preprocess, instantiate(nodes["preprocess"], "preprocess"))
    return target_of(model), build_network(model, preprocess.channel_count), preprocess
