"""Words that people type for a training's keys: those that are taken, and those that are answered with ours."""

from collections.abc import Sequence

ALIASES = {
    "device": "trainer.accelerator", "epochs": "trainer.max_epochs", "lr": "optimizer.lr",
    "learning_rate": "optimizer.lr", "image_size": "preprocess.size", "weights": "model.weights",
}  # fmt: skip
"""Words of the other commands and of other programs that a training takes, too."""

ELSEWHERE = {
    "wd": "optimizer.weight_decay", "bs": "data.batch_size", "gpus": "trainer.devices",
    **dict.fromkeys(("img_size", "imgsize", "imgsz"), "preprocess.size"),
    "network": "model", "arch": "model", "pretrained": "model.weights", "output": "hydra.run.dir",
    "output_dir": "hydra.run.dir", "folds": "split.n_splits, with split=kfold", "fold": "split.fold, with split=kfold",
    "gpu": "device=gpu", "cuda": "device=gpu", "data.tree.root": "data.root",
    "threshold": "evaluation.fixed_threshold", "run": "resume=RUN",
    **dict.fromkeys(("checkpoint", "ckpt", "ckpt_path"), "resume=RUN to go on, or model.weights=FILE to begin with"),
    "zoo": "model.weights=NAME, which takes a model of the zoo to begin with",
}  # fmt: skip
"""What people type who know other programs, and what it is here; names that resemble ours are found without it."""


def without_aliases(arguments: Sequence[str]) -> list[str]:
    """The arguments with a training's own key for each of `ALIASES`, which may be written with hyphens."""
    split = [argument.partition("=") for argument in arguments]
    return [f"{ALIASES.get(key.replace('-', '_'), key)}{equals}{value}" for key, equals, value in split]
