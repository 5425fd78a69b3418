"""Names that the same command finds again, and that two different commands never share."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType

from lgg_seg.config.groups import groups
from lgg_seg.errors import UserError

SWEEPS = Path("runs/sweeps")
FOLDER = "hydra.sweep.dir"
HOW = (
    "hydra/launcher",
    "hydra.launcher",
    "hydra.verbose",
    "hydra.mode",
    "hydra.sweep",
    "hydra.sweeper.n_trials",
    "hydra.sweeper.n_jobs",
    "hydra.sweeper.max_batch_size",
    "trainer.enable_progress_bar",
    "trainer.threads",
)
"""Keys, and what is below them, that say how a sweep is run or how far, not what it consists of."""
LONGEST = 60  # characters of the readable part of a name: file systems end at 255, people sooner


def digest(content: Any) -> str:
    """Eight hexadecimal digits of anything that JSON can hold."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def slug(text: str) -> str:
    """Letters, digits, dots and dashes alone, so that neither shells nor Hydra mind it."""
    return re.sub(r"[^\w.-]+", "-", text)[:LONGEST].strip("-._")


def sweep_folder(words: Sequence[str]) -> Path:
    """Where the sweep of these words is: the one they name, else one whose name follows from them.

    Neither the order of the words and of their values, nor the launcher changes it.

    Raises:
        UserError: the folder named depends on the time or on the job, so that the same command would not find it again.
    """
    overrides = OverridesParser.create().parse_overrides(list(words))
    for override in reversed(overrides):
        if override.key_or_group == FOLDER:
            named = str(override.value())
            if not named.strip() or "${" in named:
                raise UserError(f"{FOLDER}={named} is no plain path; the same command must find its folder again.")
            return Path(named)
    what = [override for override in overrides if not _says_how(override.key_or_group)]
    readable = [o for o in what if o.key_or_group == "sweep" or (o.is_sweep_override() and not o.is_hydra_override())]
    name = slug("_".join(map(_label, sorted(readable, key=lambda override: override.key_or_group)))) or "sweep"
    return SWEEPS / f"{name}_{digest(sorted((_canonical(override) for override in what), key=str))}"


def cell_name(words: Sequence[str], varying: Collection[str], otherwise: str, identity: Any) -> str:
    """The folder of a cell: what it differs in from its neighbours, and a digest of all that it is.

    `unet_seed-1_3fa9c2d1`; `otherwise` where nothing varies.
    """
    overrides = OverridesParser.create().parse_overrides(list(words))
    parts = [_label(override) for override in overrides if override.key_or_group in varying]
    return f"{slug('_'.join(parts)) or slug(otherwise)}_{digest(identity)}"


def _says_how(key: str) -> bool:
    return any(key == how or key.startswith(f"{how}.") for how in HOW)


def _canonical(override: Override) -> list[Any]:
    """One override as what it means: the values of a choice in any order are the same choice."""
    listed = override.is_discrete_sweep() and override.value_type is not ValueType.GLOB_CHOICE_SWEEP
    values = sorted(override.sweep_string_iterator()) if listed else [_text(override)]
    return [override.get_key_element(), values]


def _text(override: Override) -> str:
    return (override.input_line or "").partition("=")[2]


def _label(override: Override) -> str:
    """`unet` for a group's member, `seed-1` for a value, its number short."""
    text = _text(override)
    if override.is_discrete_sweep() and override.value_type is not ValueType.GLOB_CHOICE_SWEEP:
        text = ",".join(sorted(override.sweep_string_iterator()))
    with suppress(ValueError):
        text = f"{float(text):.4g}"
    leaf = override.key_or_group.rpartition(".")[2]
    is_group = override.key_or_group in groups()
    return text if is_group else f"{leaf}-{text}"
