"""A trained network with its weights and preprocessing: volumes in, probabilities out."""

from typing import Final

BATCH_SIZE: Final = 16
"""Slices that a network segments at once, unless the user says otherwise."""
