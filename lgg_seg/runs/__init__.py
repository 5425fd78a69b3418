"""The run folder: its files, status, provenance, checkpoints, cost, masks, and when two runs are the same."""
