"""The run folder: writing it, reading it, and restoring a run from it."""
