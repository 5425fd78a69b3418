"""Timing: steps, starts, and what a run costs around its steps."""
