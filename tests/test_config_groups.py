"""Every member of every config group composes, passes the check, and builds; nothing in it is read by nothing."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from pathlib import Path
from typing import Any

import pytest

import lgg_seg
from lgg_seg.config.groups import conf_dir, groups
from lgg_seg.config.instantiate import instantiate, resolve_target, target_nodes, to_plain
from lgg_seg.config.validation import SETTINGS, check_config
from lgg_seg.errors import UserError
from lgg_seg.networks import without_pretrained
from tests.configs import composed

MEMBERS = [(group, member) for group, members in groups().items() for member in members]
BUILT_BY_CODE = {"experiment", "debug", "sweep"}  # recipes over the other groups, no objects of their own


@pytest.mark.parametrize(("group", "member"), MEMBERS)
def test_every_member_composes_and_its_keys_and_values_are_those_of_its_target(group: str, member: str) -> None:
    check_config(composed(f"{group}={member}"))


RECIPES = [(group, member) for group, member in MEMBERS if group in ("debug", "experiment")]


@pytest.mark.parametrize("mentioned", ["callbacks", "logger"])
def test_every_callback_and_logger_goes_with_every_experiment_and_debug_that_sets_any(mentioned: str) -> None:
    """A setting of an object that the member does not have would be read by nothing."""
    for group, recipe in RECIPES:
        if mentioned in (conf_dir() / group / f"{recipe}.yaml").read_text(encoding="utf-8"):
            for member in groups()[mentioned]:
                check_config(composed(f"{group}={recipe}", f"{mentioned}={member}"))


def test_a_setting_of_a_callback_that_is_not_there_is_refused() -> None:
    config = to_plain(composed("callbacks=none"))
    config["callbacks"]["validation_images"] = {"every_epochs": 1}
    with pytest.raises(UserError, match=r"callbacks\.validation_images is no object with a _target_"):
        check_config(config)


@pytest.mark.parametrize("value", [5, ["early_stopping"], "text"])
def test_a_collection_that_is_no_mapping_is_refused(value: object) -> None:
    config = {**to_plain(composed()), "callbacks": value}
    with pytest.raises(UserError, match=r"^callbacks is .*; it must be null or a mapping of objects\.$"):
        check_config(config)


@pytest.mark.parametrize(("group", "member"), [m for m in MEMBERS if m[0] not in BUILT_BY_CODE])
def test_every_member_builds(group: str, member: str, tmp_path: Path) -> None:
    config = composed(f"{group}={member}")
    config.model = without_pretrained(config.model)  # see tests/networks and tests/inference
    arguments: dict[str, Any] = {"model": {"in_channels": 3}}.get(group, {})
    if group == "data":
        parts = {key: instantiate(config[key], key) for key in ("split", "preprocess", "augment", "sampler")}
        arguments = {**parts, "seed": 0}
    nodes = (
        [(group, to_plain(config[group]))]
        if "_target_" in config[group]
        else [(f"{group}.{name}", node) for name, node in to_plain(config[group]).items() if node is not None]
    )
    for key, node in nodes:
        extra = {"save_dir": str(tmp_path)} if group == "logger" else arguments
        assert instantiate(node, key, **extra) is not None


@pytest.mark.parametrize(("group", "member"), MEMBERS)
def test_every_member_says_in_its_first_lines_what_it_is(group: str, member: str) -> None:
    lines = (conf_dir() / group / f"{member}.yaml").read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines[:2] if line.startswith("# ") and not line.startswith("# @package")]
    assert comments


@pytest.mark.parametrize("place", ["", "trainer", "loss", "data", "augment.transforms[0]"])
def test_a_key_that_nothing_reads_fails_the_check_wherever_it_stands(place: str) -> None:
    config = to_plain(composed())
    node = config if not place else next(node for key, node in target_nodes(config, "") if key == place)
    node["sead"] = 3
    with pytest.raises(UserError, match="sead"):
        check_config(config)


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_at_the_top_is_read_somewhere(setting: str) -> None:
    """The keys in groups are parameters of their targets, which the linter's ARG rules see to; these are not."""
    package = Path(lgg_seg.__file__).parent
    read = {
        node.attr
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "config"
    }
    assert setting in read


def attributes_read() -> set[str]:
    """The names of all attributes that the package reads."""
    return {
        node.attr
        for file in Path(lgg_seg.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


def test_what_a_target_keeps_of_its_config_is_read_somewhere() -> None:
    """The linter sees a parameter that nothing uses, but not a field or an attribute that is only ever set."""
    configs = [to_plain(composed(f"{group}={member}")) for group, member in MEMBERS]
    names = {node["_target_"]: key for config in configs for key, node in target_nodes(config, "")}
    read = attributes_read()
    for name, key in sorted(item for item in names.items() if item[0].startswith("lgg_seg.")):
        target = resolve_target(name, key)
        if not inspect.isclass(target):
            continue
        fields = {field.name for field in dataclasses.fields(target)} if dataclasses.is_dataclass(target) else set()
        body = ast.parse(textwrap.dedent(inspect.getsource(target)))
        kept = {n.attr for n in ast.walk(body) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
        assert fields | kept <= read, f"{name} keeps {sorted((fields | kept) - read)}, which nothing reads"


@pytest.mark.parametrize("group", sorted(set(groups()) - {"experiment", "sweep", "debug"}))
def test_the_table_of_choices_names_every_member(group: str) -> None:
    """But for experiments and sweeps, which it lists by their families."""
    text = (Path(__file__).parents[1] / "docs" / "training.md").read_text(encoding="utf-8")
    (row,) = (line for line in text.splitlines() if line.startswith(f"| `{group}` |"))
    assert {member for member in groups()[group] if f"`{member}`" not in row} == set()


def test_every_group_of_the_config_is_in_the_defaults_list() -> None:
    text = (conf_dir() / "train.yaml").read_text(encoding="utf-8")
    assert all(f"- {group}: " in text for group in groups())
