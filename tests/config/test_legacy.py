"""Recorded configs and overrides under today's names, of settings, transforms and keys that were renamed."""

from __future__ import annotations

from omegaconf import OmegaConf

from lgg_seg.config.legacy import upgraded, upgraded_overrides

OLD = {
    "trainer": {"_target_": "lgg_seg.utils.trainer.TrainerSettings", "accumulate": 2, "limit_batches": None},
    "augment": {"transforms": [{"_target_": "lgg_seg.data.augment.SubstituteFlair", "p": 0.5}]},
    "loss": {"accumulate": 1},
}
NEW = {
    "trainer": {
        "_target_": "lgg_seg.training.TrainerSettings",
        "accumulate_grad_batches": 2,
        "limit_train_batches": None,
        "limit_val_batches": None,
    },
    "augment": {"transforms": [{"_target_": "lgg_seg.data.SubstituteFlair", "p": 0.5}]},
    "loss": {"accumulate": 1},
}


def test_old_names_are_upgraded_within_their_group_and_the_input_is_unchanged() -> None:
    for config in (OLD, OmegaConf.create(OLD)):
        before = OmegaConf.create(config)
        assert upgraded(config) == OmegaConf.create(NEW)
        assert OmegaConf.create(config) == before


def test_a_current_config_stays_as_it_is() -> None:
    assert upgraded(NEW) == OmegaConf.create(NEW)
    assert upgraded({"name": "a"}) == OmegaConf.create({"name": "a"})


def test_a_target_that_is_no_name_is_left_to_what_checks_targets() -> None:
    damaged = {"loss": {"_target_": {"a": 1}}}
    assert upgraded(damaged) == OmegaConf.create(damaged)


def test_a_value_under_the_new_name_wins() -> None:
    both = {"trainer": {"accumulate": 2, "accumulate_grad_batches": None}}
    assert upgraded(both) == OmegaConf.create({"trainer": {"accumulate_grad_batches": None}})


def test_overrides_keep_their_sign_order_and_value() -> None:
    old = ["model=unet", "+trainer.accumulate=2", "trainer.limit_batches=3", "~trainer.accumulate", "a.b='x=y'"]
    assert upgraded_overrides([*old, "trainer._target_=lgg_seg.utils.trainer.TrainerSettings"]) == [
        "model=unet",
        "+trainer.accumulate_grad_batches=2",
        "trainer.limit_train_batches=3",
        "trainer.limit_val_batches=3",
        "~trainer.accumulate_grad_batches",
        "a.b='x=y'",
        "trainer._target_=lgg_seg.training.TrainerSettings",
    ]
