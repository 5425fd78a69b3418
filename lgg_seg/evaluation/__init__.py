"""A trained network measured on the patients of a subset, for either task: from probabilities to scores."""

from lgg_seg.evaluation.base import Evaluation, EvaluationSettings

__all__ = ["Evaluation", "EvaluationSettings"]
