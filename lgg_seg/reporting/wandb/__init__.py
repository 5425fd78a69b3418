"""Weights & Biases: the logger of a run, its result, the report of a comparison."""
