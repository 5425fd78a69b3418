"""Folder names that the same command finds again, and that two different commands never share."""

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType

from lgg_seg.config.groups import groups, is_below
from lgg_seg.errors import UserError

SWEEPS = Path("runs/sweeps")
SWEEP_DIR = "hydra.sweep.dir"
EXECUTION_KEYS = (
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
"""Keys, with all below them, that change how a sweep is run or how far, not which jobs it has."""
MAX_LENGTH = 60  # characters of the readable part of a name: file systems end at 255, people sooner


def digest(content: Any) -> str:
    """Eight hexadecimal digits of anything that JSON can hold."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def slug(text: str) -> str:
    """Letters, digits, dots and dashes alone, so that neither shells nor Hydra mind it."""
    return re.sub(r"[^\w.-]+", "-", text)[:MAX_LENGTH].strip("-._")


def sweep_folder(overrides: Sequence[str]) -> Path:
    """The folder of a sweep: `hydra.sweep.dir` where it is given, else one whose name follows from the overrides.

    Neither the order of the overrides and of their values, nor the launcher changes it.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    given = [str(override.value()) for override in parsed if override.key_or_group == SWEEP_DIR]
    if given:
        if not given[-1].strip() or "${" in given[-1]:
            raise UserError(f"{SWEEP_DIR}={given[-1]} is no plain path; the same command must find its folder again.")
        return Path(given[-1])
    content = [override for override in parsed if not is_below(override.key_or_group, EXECUTION_KEYS)]
    varying = [o for o in content if o.is_sweep_override() and not o.is_hydra_override()]
    readable = sorted((o for o in content if o in varying or o.key_or_group == "sweep"), key=lambda o: o.key_or_group)
    name = slug("_".join(map(_label, readable))) or "sweep"
    return SWEEPS / f"{name}_{digest(sorted(([o.get_key_element(), _values(o)] for o in content), key=str))}"


def job_name(overrides: Sequence[str], varying: Collection[str], fallback: str, identity: Any) -> str:
    """`unet_seed-1_3fa9c2d1`: a job's values of the `varying` keys (else `fallback`), and a digest of its identity."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    parts = [_label(override) for override in parsed if override.key_or_group in varying]
    return f"{slug('_'.join(parts)) or slug(fallback)}_{digest(identity)}"


def _values(override: Override) -> list[str]:
    """The value as it is typed; those of a choice sorted: in any order they are the same choice."""
    if override.is_discrete_sweep() and override.value_type is not ValueType.GLOB_CHOICE_SWEEP:
        return sorted(override.sweep_string_iterator())
    return [(override.input_line or "").partition("=")[2]]


def _label(override: Override) -> str:
    """`unet` for a group's member, `seed-1` for a value, its number short."""
    text = ",".join(_values(override))
    with suppress(ValueError):
        text = f"{float(text):.4g}"
    return text if override.key_or_group in groups() else f"{override.key_or_group.rpartition('.')[2]}-{text}"
