"""Weights & Biases: the logger of a run, its result, the report of a comparison."""

from lgg_seg.reporting.wandb.logger import wandb_logger

__all__ = ["wandb_logger"]
