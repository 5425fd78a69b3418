"""`python -m lgg_seg --help`: every key with its value, and the comment beside it in conf/."""

from __future__ import annotations

import pytest

from lgg_seg.config.aliases import without_aliases
from lgg_seg.config.help import help_text
from lgg_seg.config.overrides import compose_config


@pytest.fixture(scope="module")
def lines() -> dict[str, str]:
    text = help_text(["optimizer.lr=0.5"])
    return dict(line.strip().partition("=")[::2] for line in text.splitlines() if line.startswith("  ") and "=" in line)


def test_a_key_has_its_value_and_the_comment_of_the_chosen_member(lines: dict[str, str]) -> None:
    assert lines["optimizer.lr"].split()[0] == "0.5"
    assert "the learning rate" in lines["optimizer.lr"]
    assert "fraction of the patients" in lines["split.val"], "not what the file of another split says"
    assert lines["model.weights"].startswith("null")


def test_an_experiment_tells_its_own_value() -> None:
    text = help_text(["experiment=quick_cpu"])
    (line,) = [line for line in text.splitlines() if line.startswith("  evaluation.postprocess=")]
    assert "largest_component" in line
    assert line.endswith("of the volume")


def test_words_of_other_programs_are_keys_of_ours() -> None:
    typed = without_aliases(["epochs=3", "lr=0.1", "learning-rate=0.1,0.2", "image_size=64", "weights=null"])
    keys = ["trainer.max_epochs", "optimizer.lr", "optimizer.lr", "preprocess.size", "model.weights"]
    assert [one.partition("=")[0] for one in typed] == keys
    assert compose_config([one for one in typed if "," not in one]).trainer.max_epochs == 3


def test_device_is_a_word_of_the_training_too() -> None:
    assert without_aliases(["device=cpu", "model=unet", "-m"]) == ["trainer.accelerator=cpu", "model=unet", "-m"]
