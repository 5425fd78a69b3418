"""From a tree of slices on disk to batches: index, integrity, splits, cache, preprocessing, augmentation."""
