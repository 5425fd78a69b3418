"""Trained weights that ship with the package: each a folder of `models/` with its weights and its card."""
