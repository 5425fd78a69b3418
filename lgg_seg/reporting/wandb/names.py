"""What W&B and a comparison's report call the same: a run's identity, and the numbers of its result."""

IDENTITY = "wandb/identity.json"  # in the run folder: with it a resumed run stays the same run of W&B


def prefix(subset: str) -> str:
    """What the names of a result's numbers and tables begin with."""
    return "test" if subset == "test" else "validation"  # `val/loss` is the curve over the epochs
