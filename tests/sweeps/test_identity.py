"""Two jobs are the same run if nothing that may change a result tells them apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lgg_seg.config.instantiate import to_plain
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.identity import ADDED_KEYS, NON_RESULT_KEYS, configuration_identity, job_identity
from tests.configs import composed

PLAIN = ["data.root=tree"]


@pytest.mark.parametrize(
    "overrides",
    [
        ["logger=csv"],
        ["trainer.enable_progress_bar=false"],
        ["trainer.threads=1"],
        ["data.workers=2"],
        ["data.cache_dir=elsewhere"],
        ["optimizer.lr=0.001"],  # the member's own value
    ],
)
def test_keys_without_effect_do_not_change_the_identity(overrides: list[str]) -> None:
    assert job_identity(composed(*PLAIN, *overrides)) == job_identity(composed(*PLAIN))


@pytest.mark.parametrize("overrides", [["seed=1"], ["model=unet"], ["optimizer.lr=0.002"], ["trainer.max_epochs=3"]])
def test_keys_with_an_effect_change_the_identity(overrides: list[str]) -> None:
    assert job_identity(composed(*PLAIN, *overrides)) != job_identity(composed(*PLAIN))


@pytest.mark.parametrize("key", ADDED_KEYS)
def test_a_run_from_before_a_key_is_the_same_job_and_configuration(key: str) -> None:
    config = composed("model=unetpp")  # it has all of them
    older = OmegaConf.to_container(config, resolve=True)
    group, name = key.split(".")
    assert older[group].pop(name) == ADDED_KEYS[key]
    assert job_identity(OmegaConf.create(older)) == job_identity(config)
    assert configuration_identity(older) == configuration_identity(to_plain(config))


def test_an_added_key_with_another_value_is_another_job_and_configuration() -> None:
    config, other = composed(*PLAIN), composed(*PLAIN, "preprocess.context=1")
    assert job_identity(other) != job_identity(config)
    assert configuration_identity(to_plain(other)) != configuration_identity(to_plain(config))


@pytest.mark.parametrize("key", NON_RESULT_KEYS)
def test_every_non_result_key_exists(key: str) -> None:
    assert OmegaConf.select(composed(), key, default="missing") != "missing"


def test_a_run_folder_has_the_identity_of_its_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its config is written with absolute paths, and read back from YAML."""
    monkeypatch.chdir(tmp_path)
    config = composed(*PLAIN, "optimizer.lr=1e-05", "scheduler=onecycle")
    wanted = job_identity(config)
    config.data.root = str(Path(config.data.root).absolute())
    folder = RunFolder(tmp_path / "run")
    folder.create()
    folder.write_config(config, [])
    assert job_identity(folder.read_config()[0]) == wanted


def test_an_unresolvable_config_has_an_identity() -> None:
    assert job_identity(OmegaConf.create({"a": "${nothing}"})) == {"a": "${nothing}"}
