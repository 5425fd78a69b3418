"""Classification as a task beside segmentation: what is asked of a slice, and how the answers are measured."""
