"""How each configuration was trained: data, network, loss, optimizer, schedule, augmentation, from configs alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from lgg_seg.comparison.configurations import ABSENT
from lgg_seg.comparison.results import ConfigurationResult
from lgg_seg.comparison.runs import Run
from lgg_seg.runs.identity import ADDED_KEYS, flatten

GROUPS = {
    "split": "split", "model": "network", "loss": "loss", "optimizer": "optimizer", "scheduler": "schedule",
    "augment": "augmentation", "sampler": "sampling",
}  # fmt: skip
"""Config groups with their titles: the member that was chosen, with its options."""

SKIPPED = ("split.fold", "optimizer.lr", "optimizer.fused", "augment.transforms")
TOLD = ("data.", "preprocess.", "trainer.", *(f"{group}." for group in GROUPS))

Part = tuple[str, str]  # a title and an option of it; the member of a group has no option


def recipes(entries: Sequence[ConfigurationResult]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """What a table's configurations share, by title; and for each of them, in their order, what differs."""
    rows = [_parts(entry) for entry in entries]
    parts = list(dict.fromkeys(part for row in rows for part in row))
    differing = {part for part in parts if len({row[part] for row in rows if part in row}) > 1}
    common: dict[str, list[str]] = {}
    for title, option in parts:
        value = rows[0].get((title, option))
        shared = (title, option) not in differing and all((title, option) in row for row in rows)
        if title and value and shared and UNCHANGED.get((title, option)) != value:
            common.setdefault(title, []).append(f"{option} {value}" if option else value)
    options = [option for _, option in differing]
    names = {
        (title, option): option if option and options.count(option) == 1 else f"{title} {option}".strip()
        for title, option in parts
        if (title, option) in differing
    }
    columns = [{name: row.get(part, ABSENT) or "none" for part, name in names.items()} for row in rows]
    return {title: ", ".join(texts) for title, texts in common.items()}, columns


def _parts(entry: ConfigurationResult) -> dict[Part, str]:
    """What one configuration was trained with; of several runs the first tells what they share. None is empty."""
    run = entry.runs[0]
    flat = dict(ADDED_KEYS) | flatten(run.config)
    size, patience = flat.get("preprocess.size"), flat.get("callbacks.early_stopping.patience")
    told: dict[Part, str] = {
        ("data", ""): f"{_member(run, 'data')}, fingerprint {run.provenance.get('data_fingerprint', ABSENT)[:8]}",
        ("patients", ""): _patients(entry.runs),
        ("size", ""): f"{size} x {size}" if isinstance(size, int) else "as the slices are",
        **{("input", option): value for option, value in _options(flat, "preprocess") if option != "size"},
        ("rate", ""): _text(flat.get("optimizer.lr")),
        ("epochs", ""): _text(flat.get("trainer.max_epochs")),
        ("epochs", "stops without gain after"): _text(patience),
        ("batch", ""): _text(flat.get("data.batch_size")),
    }
    for group, title in GROUPS.items():
        told[title, ""] = _member(run, group)
        told |= {(title, option): value for option, value in _options(flat, group)}
    for key, value in entry.settings.items():
        if "." in key and not key.startswith(TOLD):
            told["", key.rpartition(".")[2].replace("_", " ")] = value
    return told


def _member(run: Run, group: str) -> str:
    """The group's member that was chosen; of older runs, the class that was built."""
    chosen = run.provenance.get("choices", {}).get(group)
    node = run.config.get(group)
    target = node.get("_target_", "") if isinstance(node, Mapping) else ""
    return str(chosen or target.rpartition(".")[2] or "none")


def _options(flat: Mapping[str, Any], group: str) -> list[tuple[str, str]]:
    """The options of a group by their names for people."""
    return [
        (key.removeprefix(f"{group}.").replace("_", " "), _text(value))
        for key, value in flat.items()
        if key.startswith(f"{group}.") and key not in SKIPPED and "_target_" not in key and "_partial_" not in key
    ]  # fmt: skip


def _patients(runs: Sequence[Run]) -> str:
    """How many were trained on and validated; the range over folds."""
    splits = [run.provenance["split"] for run in runs if "split" in run.provenance]
    return ", ".join(f"{_range([len(one[name]) for one in splits])} {name}" for name in ("train", "val") if splits)


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float | int) else str(value)


UNCHANGED: dict[Part, str] = {
    (GROUPS.get(key.partition(".")[0], "input"), key.rpartition(".")[2].replace("_", " ")): _text(value)
    for key, value in ADDED_KEYS.items()
}
"""Options that older runs lack, with the value that changes nothing: only another one is told."""
