"""Reading a zoo entry: `card.json` (the card, with the config to build the network from) and its weights."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from omegaconf import OmegaConf

from lgg_seg.config.legacy import upgraded
from lgg_seg.config.suggestions import did_you_mean
from lgg_seg.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

MODELS = Path(__file__).parents[1] / "zoo" / "models"
DEFAULT = "unet_efficientnet"
"""The best of them, which `lgg_seg.load`, `predict` and the app take where nothing else is named."""

CARD, WEIGHTS, PAGE = "card.json", "weights.safetensors", "README.md"


def names() -> list[str]:
    """The models that ship with this package."""
    return sorted(card.parent.name for card in MODELS.glob(f"*/{CARD}"))


def entry_folder(source: str | Path) -> Path:
    """The folder of a model that ships with the package, by its name; or `source` itself where that is an entry."""
    if (MODELS / source / CARD).is_file():
        return MODELS / source
    path = Path(source)
    if (path / CARD).is_file():
        return path.absolute()
    shipped = names()
    remedy = did_you_mean(str(source), shipped) if shipped else "this installation ships none; name a run with run=RUN."
    raise UserError(f"{source} is no model of the zoo; {remedy}")


def read_card(folder: Path) -> dict[str, Any]:
    """The card of an entry, its config under today's names."""
    from lgg_seg.runs.contents import check_content, damaged  # pandas: a second, which help does without

    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, f"cannot be read ({error})") from error
    check_content(path, card)
    recorded = upgraded({node: card[node] for node in ("model", "preprocess")})
    return {**card, **cast(dict[str, Any], OmegaConf.to_container(recorded))}


def read_weights(folder: Path, card: dict[str, Any]) -> dict[str, Tensor]:
    """An entry's tensors by name, if the file is the one that its card was written for (else UserError)."""
    from safetensors.torch import load  # PyTorch: seconds, which a list of the zoo does without

    path = folder / WEIGHTS
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); install the package anew.") from error
    if hashlib.sha256(content).hexdigest() != card["weights"]["sha256"]:
        raise UserError(f"{path} is damaged: it is not the file that its card was written for; install it anew.")
    return load(content)
