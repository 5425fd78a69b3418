"""Weights & Biases: logger of a run, its result, report of a comparison."""

from lgg_seg.reporting.wandb.logger import wandb_logger

__all__ = ["wandb_logger"]
