"""How every command begins and ends: words in, an exit code out, and one clear sentence for what the user can mend."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.text import Text

from lgg_seg.errors import UserError

REFUSED = 2
INTERRUPTED, NOBODY_READS = 130, 141  # as shells have it: 128 and SIGINT, SIGPIPE


def command(function: Callable[[list[str]], int]) -> Callable[..., int]:
    """Decorate a command's main function, which takes its words (by default the process's) and gives an exit code.

    A UserError becomes a sentence on stderr and exit code 2; what is our fault keeps its traceback.
    """

    @functools.wraps(function)
    def wrapped(words: Sequence[str] | None = None) -> int:
        try:
            code = function(list(sys.argv[1:] if words is None else words))
            sys.stdout.flush()
            return code
        except BrokenPipeError:
            if _read():
                raise
            return NOBODY_READS
        except UserError as error:
            return _complain(str(error))
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return INTERRUPTED
        except SystemExit as end:
            if isinstance(end.code, str):
                return _complain(end.code)
            raise

    return wrapped


@contextmanager
def terminable() -> Iterator[None]:
    """Inside, SIGTERM unwinds the stack as Ctrl-C does, so that what is open is finished; exit code 143."""

    def terminate(signum: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _read() -> bool:
    """Whether anybody still reads our output; in `… | head` nobody may."""
    try:
        print(flush=True)
    except BrokenPipeError:
        # What is left to be written at the interpreter's end would raise once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _complain(sentence: str) -> int:
    message = Text.assemble(("error: ", "bold red"), sentence)
    Console(stderr=True, soft_wrap=True, highlight=False).print(message)
    return REFUSED
