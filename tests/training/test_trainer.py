"""The `trainer` group: Lightning's options pass through under their own names, and wrong ones are refused."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import pytest
from omegaconf import DictConfig, open_dict

from lgg_seg.config.validation import check_config
from lgg_seg.errors import UserError
from lgg_seg.networks.build import build_network
from lgg_seg.training.experiment import Experiment
from tests.configs import composed


def config_with(**options: object) -> DictConfig:
    config = composed("trainer=debug", "trainer.enable_progress_bar=false")
    with open_dict(config):
        config.trainer.update(options)
    return config


def test_an_option_that_only_lightning_knows_reaches_it(tmp_path: Path) -> None:
    config = config_with(check_val_every_n_epoch=3, gradient_clip_algorithm="value")
    check_config(config)
    settings = Experiment.of(config).trainer
    trainer = settings.build(settings.prepare(), tmp_path, [], [])
    assert (trainer.check_val_every_n_epoch, trainer.gradient_clip_algorithm) == (3, "value")


@pytest.mark.parametrize("on_a_terminal", [False, True])
def test_there_is_a_progress_bar_on_a_terminal_alone(
    on_a_terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: on_a_terminal)
    settings = Experiment.of(config_with(enable_progress_bar=True)).trainer
    trainer = settings.build(settings.prepare(), tmp_path, [], [])
    assert (trainer.progress_bar_callback is not None) is on_a_terminal


def test_a_value_that_lightning_refuses_is_one_sentence(tmp_path: Path) -> None:
    settings = Experiment.of(config_with(gradient_clip_algorithm="median")).trainer
    with pytest.raises(UserError, match=r"Lightning refuses the trainer's settings: .*median"):
        settings.build(settings.prepare(), tmp_path, [], [])


@pytest.mark.parametrize("option", ["callbacks", "use_distributed_sampler", "limit_trian_batches"])
def test_an_option_that_is_not_for_a_config_is_refused(option: str) -> None:
    with pytest.raises(UserError, match=rf"trainer\.{option} is not a parameter"):
        check_config(config_with(**{option: None}))


@pytest.mark.parametrize(("option", "value"), [("max_epochs", 0), ("accumulate_grad_batches", 0), ("threads", 0)])
def test_a_count_below_one_is_refused(option: str, value: int) -> None:
    with pytest.raises(UserError, match=rf"trainer\.{option} is 0; it must be 1 or more"):
        Experiment.of(config_with(**{option: value}))


def test_compiling_keeps_the_names_of_the_parameters(phantom_root: Path, tmp_path: Path) -> None:
    states = []
    for compiled in (False, True):
        config = config_with(compile=compiled)
        config.data.update(root=str(phantom_root), cache_dir=str(tmp_path))
        config.data.tree._target_ = "lgg_seg.data.existing_tree"
        experiment = Experiment.of(config)
        network = build_network(config.model, 3)
        module = experiment.module(network, experiment.ready_data(), experiment.trainer.prepare())
        assert (module.network._compiled_call_impl is not None) is compiled
        states.append(list(copy.deepcopy(module).state_dict()))
    assert states[0] == states[1]
