"""The `evaluation` config group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lgg_seg.errors import UserError, require


@dataclass(frozen=True)
class EvaluationSettings:
    """The `evaluation` config group: what turns probabilities into a mask, and how it is summarised.

    `threshold=validation` takes the threshold with the best mean patient Dice on the validation patients instead of
    `fixed_threshold`. `max_patients` tests the first few alone, for trying things; such a result is marked.
    """

    threshold: Literal["fixed", "validation"] = "fixed"
    fixed_threshold: float = 0.5
    postprocess: Literal["none", "largest_component"] = "none"
    batch_size: int = 16
    n_bootstrap: int = 10_000
    max_patients: int | None = None

    def __post_init__(self) -> None:
        require(0 <= self.fixed_threshold <= 1, "evaluation.fixed_threshold", self.fixed_threshold, "between 0 and 1")
        require(self.batch_size >= 1, "evaluation.batch_size", self.batch_size, "1 or more")
        require(self.n_bootstrap >= 1, "evaluation.n_bootstrap", self.n_bootstrap, "1 or more")
        if self.max_patients is not None:
            require(self.max_patients >= 1, "evaluation.max_patients", self.max_patients, "1 or more, or null")
        if self.threshold == "validation" and self.postprocess != "none":
            raise UserError(
                "evaluation.threshold=validation is chosen on probabilities and knows nothing of post-processing; "
                "take evaluation.threshold=fixed or evaluation.postprocess=none."
            )
