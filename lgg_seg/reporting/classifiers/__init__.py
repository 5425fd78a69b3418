"""Classifiers in tables of their own: no number of theirs can be ranked with a segmentation's."""
