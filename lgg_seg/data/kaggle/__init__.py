"""A tree of slices on disk: reading it, finding its faults, knowing it again, fetching it."""
