"""Grammar of messages."""

import json


def as_yaml(value: object, *, quoted: bool = False) -> str:
    """A value as users type it: `null`, `true`, `false`, others as they are, texts in quotes if `quoted`."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return repr(value) if quoted else str(value)


def counted(count: int, noun: str) -> str:
    """`1 patient`, `2 patients`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def counted_patients(count: int, subset: str) -> str:
    """`9 test patients`, `all 3 patients`."""
    return f"all {counted(count, 'patient')}" if subset == "all" else counted(count, f"{subset} patient")
