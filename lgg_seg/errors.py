"""The one exception a user is meant to read, and what the machine refuses, told by it."""

import errno
import traceback
from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """Something the user can mend: one clear sentence that names the file, the patient or the key, and the remedy.

    Commands print it without a traceback and end with a non-zero exit code. Whatever reads what a user gave may raise
    it, so that a docstring's `Raises` names the other errors alone; the Python API of `docs/api.md` names it all the
    same.
    """


class Busy(UserError):  # noqa: N818  # a state, not an error
    """Another process is writing the run."""


class Diverged(UserError):  # noqa: N818  # a state, not an error
    """A training whose loss or weights are no longer finite."""


class Pruned(Exception):  # noqa: N818  # no error: the study had seen enough
    """A trial that its study has stopped; the message says why."""


@contextmanager
def explained(less_memory: str = "take a smaller batch, smaller images or another device.") -> Iterator[None]:
    """What the machine refuses inside becomes a UserError: memory, permissions, space, the life of a loader's process.

    Args:
        less_memory: what needs less memory, as the end of a sentence.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError, EOFError) as error:
        if out_of_memory(error):
            raise UserError(f"The device ran out of memory ({_line(error)}); {less_memory}") from error
        if _loader_was_killed(error):
            raise UserError(
                "A process that loads training data was killed, as happens when memory runs out; take fewer "
                "data.workers (0 needs none) or a smaller data.batch_size."
            ) from error
        number, file = (error.errno, error.filename) if isinstance(error, OSError) else (None, None)
        if number in (errno.EACCES, errno.EPERM, errno.EROFS) and file is not None:
            raise UserError(f"{file} cannot be used ({_line(error)}); see to its permissions.") from error
        if number in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(f"{file or 'A file'} cannot be written ({_line(error)}); free some space.") from error
        raise


def out_of_memory(error: BaseException) -> bool:
    """Whether that is what an error says; torch has no class of its own for it on a CPU."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError | OSError)
        and any(text in str(error) for text in ("out of memory", "DefaultCPUAllocator", "Cannot allocate memory"))
    )


def _loader_was_killed(error: BaseException) -> bool:
    """torch says so, or the batch that it was handing over breaks off."""
    if isinstance(error, ConnectionError | EOFError):
        return any("dataloader.py" in frame.filename for frame in traceback.extract_tb(error.__traceback__))
    return "DataLoader worker (pid" in str(error)


def _line(error: BaseException) -> str:
    """What an error says, in one line."""
    text = error.strerror if isinstance(error, OSError) else None
    return (text or str(error) or type(error).__name__).splitlines()[0].rstrip(".")


def require(holds: bool, key: str, value: object, range_: str) -> None:
    """Refuse, with a UserError, a value out of its range: `key` is what the user would change."""
    if not holds:
        raise UserError(f"{key} is {value}; it must be {range_}.")
