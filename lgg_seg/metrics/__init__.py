"""Metrics: pure functions from arrays to plain numbers, with one policy for empty masks, which `overlap` states.

Start at `patient.score_patient`, which measures one patient; a patient metric is an entry of `registry`.
"""

from typing import Final

METRIC_VERSION: Final = 1
"""Raised whenever a metric's definition changes; runs measured by different versions are never in one table."""
