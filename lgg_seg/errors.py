"""The one exception a user is meant to read."""


class UserError(Exception):
    """Something the user can mend: one clear sentence that names the file, the patient or the key, and the remedy.

    Commands print it without a traceback and end with a non-zero exit code.
    """


class Busy(UserError):  # noqa: N818  # a state, not an error
    """Another process is writing the run."""


class Pruned(Exception):  # noqa: N818  # no error: the study had seen enough
    """A trial that its study has stopped; the message says why."""


def require(holds: bool, key: str, value: object, range_: str) -> None:
    """Refuse, with a UserError, a value out of its range: `key` is what the user would change."""
    if not holds:
        raise UserError(f"{key} is {value}; it must be {range_}.")
