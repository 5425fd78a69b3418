"""Every ready-made sweep of conf/sweep: all its jobs compose and pass the check."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import optuna
import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from lgg_seg.config.groups import CONFIG_NAME, conf_dir, groups
from lgg_seg.config.overrides import check_overrides
from lgg_seg.config.validation import check_config
from lgg_seg.sweeps.search import as_overrides, search_space
from lgg_seg.sweeps.study import study_settings
from lgg_seg.sweeps.sweeper import fixed, grid, varies, with_variant
from tests.configs import composed

SWEEPS = [name for name in groups()["sweep"] if name != "none"]
# Of these the number of jobs follows from what they say they are.
SIZES = {
    "folds": 5, "losses": len(groups()["loss"]), "networks": 6, "seeds": 5, "train_patients": 3,
    "leak": 12, "study_001": 4, "study_002": 8, "study_002_alpha": 4, "one_at_a_time": 60,
    "benchmark": 45, "benchmark_rates": 27,
}  # fmt: skip


@pytest.fixture
def sweeper(request: pytest.FixtureRequest) -> Iterator[DictConfig]:
    """What the sweep's file makes of `hydra.sweeper`."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        yield compose(CONFIG_NAME, overrides=[f"sweep={request.param}"], return_hydra_config=True).hydra.sweeper


@pytest.mark.parametrize("name", SWEEPS)
def test_a_ready_made_sweep_changes_only_the_sweeper(name: str) -> None:
    """So that a job's own command, which is recorded, makes the same run again without the sweep."""
    content = yaml.safe_load((conf_dir() / "sweep" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert set(content) == {"defaults", "hydra"}
    assert content["defaults"] in ([{"override /hydra/sweeper": name}] for name in ("grid", "optuna"))
    assert set(content["hydra"]) == {"sweeper"}


@pytest.mark.parametrize(("sweeper", "name"), [(name, name) for name in SWEEPS], indirect=["sweeper"])
def test_all_jobs_of_a_ready_made_sweep_are_valid(sweeper: DictConfig, name: str) -> None:
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    overrides = parser.parse_overrides([f"{key}={value}" for key, value in sweeper.params.items()])
    if sweeper._target_.endswith("OptunaSweeper"):
        constants = [fixed(override) for override in overrides if not varies(override)]
        jobs = [[*constants, *job] for job in corners(search_space(filter(varies, overrides)))]
        assert study_settings(sweeper, conf_dir()).n_trials > len(overrides)
    else:
        jobs = [
            with_variant(job, shlex.split(variant)) for job in grid(overrides) for variant in sweeper.variants or [""]
        ]
        assert len(jobs) == SIZES.get(name, len(jobs)) > 1
    for job in {tuple(map(without_number, job)): job for job in jobs}.values():  # one with another seed is as valid
        check_config(composed(*job))


@pytest.mark.parametrize("name", SWEEPS)
def test_a_ready_made_sweep_passes_check_overrides(name: str) -> None:
    check_overrides([f"sweep={name}"], sweep=True)


def without_number(word: str) -> str:
    """The override with the kind of its number in the number's place."""
    return re.sub(r"=[\d.e-]+$", "=number", re.sub(r"=\d+$", "=whole number", word))


def corners(space: dict[str, optuna.distributions.BaseDistribution]) -> list[list[str]]:
    """Jobs with every key; among them are every member, and both ends of every interval.

    Not every combination of them: the check looks at one group at a time.
    """
    values = {
        key: list(d.choices) if isinstance(d, optuna.distributions.CategoricalDistribution) else [d.low, d.high]
        for key, d in space.items()
    }
    count = max(map(len, values.values()))
    return [as_overrides({key: each[job % len(each)] for key, each in values.items()}) for job in range(count)]
