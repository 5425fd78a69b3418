"""A trained network measured on the patients of a subset, for either task: probabilities to scores."""

from lgg_seg.evaluation.segmentation import EvaluationSettings

__all__ = ["EvaluationSettings"]
