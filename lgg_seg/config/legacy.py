"""Old names in recorded configs (of a run folder or a zoo card) under today's names."""

from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

TARGETS: dict[str, str] = {
    "lgg_seg.callbacks.EarlyStopping": "lgg_seg.training.EarlyStopping",
    "lgg_seg.callbacks.Snapshots": "lgg_seg.training.ValidationImages",
    "lgg_seg.data.augment.Augmentation": "lgg_seg.data.Augmentation",
    "lgg_seg.data.augment.SubstituteFlair": "lgg_seg.data.SubstituteFlair",
    "lgg_seg.data.datamodule.DataModule": "lgg_seg.data.DataModule",
    "lgg_seg.data.phantom.generator.write_phantom": "lgg_seg.data.write_phantom",
    "lgg_seg.data.preprocess.Preprocess": "lgg_seg.data.Preprocess",
    "lgg_seg.data.samplers.TumourWeighted": "lgg_seg.data.TumourWeighted",
    "lgg_seg.data.samplers.Uniform": "lgg_seg.data.Uniform",
    "lgg_seg.data.tree.download.ensure_tree": "lgg_seg.data.ensure_tree",
    **{
        f"lgg_seg.modules.schedulers.{name}": f"lgg_seg.schedulers.{name}"
        for name in ("cosine", "exponential", "none", "onecycle", "plateau", "poly", "step")
    },
    "lgg_seg.reporting.wandb_logger.wandb_logger": "lgg_seg.reporting.wandb.wandb_logger",
    "lgg_seg.utils.trainer.TrainerSettings": "lgg_seg.training.TrainerSettings",
}
"""Old `_target_` → today's. Entries are never removed: folders live longer than code."""

KEYS: dict[str, tuple[str, ...]] = {
    "callbacks.snapshots": ("callbacks.validation_images",),
    "callbacks.snapshots.every_epochs": ("callbacks.validation_images.every_epochs",),
    "callbacks.snapshots.slices": ("callbacks.validation_images.slices",),
    "evaluation.resamples": ("evaluation.n_bootstrap",),
    "loss.positive_weight": ("loss.pos_weight",),
    "scheduler.every_epochs": ("scheduler.step_size",),
    "scheduler.final_divisor": ("scheduler.final_div_factor",),
    "scheduler.initial_divisor": ("scheduler.div_factor",),
    "scheduler.rising_fraction": ("scheduler.pct_start",),
    "split.folds": ("split.n_splits",),
    "trainer.accumulate": ("trainer.accumulate_grad_batches",),
    "trainer.gradient_clip": ("trainer.gradient_clip_val",),
    "trainer.limit_batches": ("trainer.limit_train_batches", "trainer.limit_val_batches"),
    "trainer.progress": ("trainer.enable_progress_bar",),
}
"""Old dotted key, its group first (`trainer.accumulate`) → today's key or keys, each of which gets the value."""


def upgraded(config: DictConfig | Mapping[str, Any]) -> DictConfig:
    """A copy of a recorded config under today's names; a current one is equal to its copy, and no default is filled in.

    A key that is there under today's name as well keeps today's value.
    """
    plain = OmegaConf.to_container(config) if isinstance(config, DictConfig) else config
    content: DictConfig = OmegaConf.create(_retargeted(plain))
    for old, new in KEYS.items():
        parent, name = _parent(content, old)
        if name not in parent:
            continue
        value = parent.pop(name)
        for key in new:
            owner, name = _parent(content, key)
            if name not in owner:
                OmegaConf.update(content, key, value)
    return content


def upgraded_overrides(overrides: Sequence[str]) -> list[str]:
    """Recorded overrides (`+trainer.accumulate=2`) under today's names, in their order."""
    result: list[str] = []
    for override in overrides:
        left, equals, value = override.partition("=")
        key = left.lstrip("+~")
        sign = left[: len(left) - len(key)]
        if key.endswith("_target_"):
            value = TARGETS.get(value, value)
        result += [f"{sign}{new}{equals}{value}" for new in KEYS.get(key, (key,))]
    return result


def _parent(config: DictConfig, key: str) -> tuple[DictConfig, str]:
    """The node that holds a dotted key, empty where there is none, and the key's last part."""
    path, _, name = key.rpartition(".")
    node = OmegaConf.select(config, path) if path else config
    return node if isinstance(node, DictConfig) else OmegaConf.create(), name


def _retargeted(node: Any) -> Any:
    if isinstance(node, Mapping):
        targets = {key: TARGETS.get(value, value) for key, value in node.items()
                   if key == "_target_" and isinstance(value, str)}  # fmt: skip
        return {key: _retargeted(value) for key, value in node.items()} | targets
    return [_retargeted(part) for part in node] if isinstance(node, list) else node
