"""Grammar of messages."""


def counted(count: int, noun: str) -> str:
    """`1 patient`, `2 patients`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def counted_patients(count: int, subset: str) -> str:
    """`9 test patients`, `all 3 patients`."""
    return f"all {counted(count, 'patient')}" if subset == "all" else counted(count, f"{subset} patient")
