"""Prediction on new scans: reading them, segmenting them, and writing masks, overlays and tables."""
