"""The tests' quick way to a config gives what the command line would train with."""

from __future__ import annotations

import pytest

from lgg_seg.config.overrides import compose_config
from tests.configs import composed


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["optimizer.lr=0.01", "model=unet_slim", "model.alpha=0.125"],
        ["experiment=study_001", "split=kfold", "split.fold=1", "trainer.max_epochs=3"],
        ["~callbacks.early_stopping", "+optimizer.eps=1e-7"],
        ["callbacks=none", "name=mine", "data.root=/x", "scheduler=onecycle", "augment.transforms=[]"],
    ],
)
def test_it_is_what_compose_config_gives_and_may_be_changed(words: list[str]) -> None:
    for _ in range(2):  # the second of a choice that is kept, which a change of the first must not have reached
        config = composed(*words)
        assert config == compose_config(words)
        config.seed = -1
