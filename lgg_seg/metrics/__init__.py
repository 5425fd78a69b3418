"""What a result is measured by: pure functions from arrays to plain numbers, and one policy for empty masks.

Start at `patient.score_patient`, which measures one patient; a patient metric is an entry of `registry`. The empty-mask
policy stands in `overlap`.
"""

from typing import Final

METRIC_VERSION: Final = 1
"""Raised whenever a metric's definition changes; runs measured by different versions never stand in one table."""
