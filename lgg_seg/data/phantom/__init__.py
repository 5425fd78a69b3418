"""Heads drawn by a seeded generator, in the layout of the Kaggle dataset."""
