"""The help of `python -m lgg_seg`: groups, and every key with its value and the comment beside it in conf/."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from omegaconf import DictConfig, ListConfig, OmegaConf

from lgg_seg.config.groups import CONFIG_NAME, conf_dir, groups
from lgg_seg.config.overrides import chosen, compose_config

LINE = re.compile(r"^( *)([\w-]+):(.*?)(?:\s#\s*(.*))?$")
WIDTH = 46  # of a key with its value, before the comment


def help_text(overrides: Sequence[str]) -> str:
    """What `--help` prints; the values are those that the overrides give."""
    head = str(OmegaConf.load(conf_dir() / f"{CONFIG_NAME}.yaml").hydra.help.template)
    names = "\n".join(f"  {group}: {', '.join(members)}" for group, members in groups().items())
    return head.replace("$APP_CONFIG_GROUPS", names).replace(
        "$CONFIG", "\n".join(_keys(compose_config(overrides), chosen(overrides)))
    )


def comments(choices: Mapping[str, str]) -> dict[str, str]:
    """The comment beside each dotted key in the files of the chosen members, and in those that they are based on."""
    root = conf_dir()
    files = [root / f"{CONFIG_NAME}.yaml"]
    for group, member in choices.items():
        files += _with_bases(root / group / f"{member}.yaml")
    found: dict[str, str] = {}
    for file in reversed(files):  # of an experiment, which changes what others say, before theirs
        found = _comments_of(file) | found
    return found


def _with_bases(file: Path) -> list[Path]:
    """The bases first: the last of the files that have a key says what its value is."""
    defaults = OmegaConf.select(OmegaConf.load(file), "defaults") or []
    bases = [file.with_name(f"{one}.yaml") for one in defaults if isinstance(one, str) and one != "_self_"]
    return [*(path for base in bases for path in _with_bases(base)), file]


def _comments_of(file: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    text = file.read_text(encoding="utf-8")
    group = [] if file.parent == conf_dir() or "@package _global_" in text else [file.parent.name]
    parents: list[tuple[int, str]] = []
    for line in text.splitlines():
        if not (match := LINE.match(line)):
            continue
        indent, name, _, comment = match.groups()
        parents = [one for one in parents if one[0] < len(indent)] + [(len(indent), name)]
        if comment:
            found[".".join([*group, *(one for _, one in parents)])] = comment
    return found


def _keys(config: DictConfig, choices: Mapping[str, str]) -> Iterator[str]:
    described = comments(choices)
    for key, value in _leaves(config):
        typed = f"  {key}={value}"
        comment = described.get(key, "")
        yield f"{typed:<{WIDTH}}  {comment}".rstrip()


def _leaves(config: DictConfig, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name in (str(name) for name in config if not str(name).startswith("_")):
        child = config[name]
        if isinstance(child, ListConfig):
            child = OmegaConf.to_container(child)
        if isinstance(child, DictConfig) and child:
            yield from _leaves(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _typed(child)


def _typed(value: object) -> str:
    text = str(value)
    if "_target_" in text:
        return ", ".join(str(one["_target_"]).rpartition(".")[2] for one in value) if isinstance(value, list) else "…"
    return {"None": "null", "True": "true", "False": "false"}.get(text, text)
