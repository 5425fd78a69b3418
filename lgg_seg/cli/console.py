"""How every command begins and ends: arguments in, an exit code out, one clear sentence for what the user can mend."""

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.text import Text

from lgg_seg.errors import UserError, explained
from lgg_seg.version import __version__

EXIT_REFUSED = 2
EXIT_INTERRUPTED, EXIT_BROKEN_PIPE, EXIT_TERMINATED = 130, 141, 143  # as shells have it: 128 and the signal


def command(function: Callable[[list[str]], int]) -> Callable[..., int]:
    """Decorate a command's main function, which takes its arguments (by default the process's) and gives an exit code.

    A UserError, and what the machine refuses, becomes a sentence on stderr and exit code 2; other errors keep their
    traceback. Ctrl-C and SIGTERM unwind what is open, say so, and give 130 and 143. `--version` is answered for all.
    """

    @functools.wraps(function)
    def wrapped(arguments: Sequence[str] | None = None) -> int:
        try:
            with explained(), terminable():
                given = list(sys.argv[1:] if arguments is None else arguments)
                if "--version" in given:
                    print(f"lgg_seg {__version__}")
                    return 0
                code = function(given)
            sys.stdout.flush()
            return code
        except BrokenPipeError:
            if _stdout_is_read():
                raise
            return EXIT_BROKEN_PIPE
        except UserError as error:
            return _print_error(str(error))
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return EXIT_INTERRUPTED
        except SystemExit as end:
            if isinstance(end.code, str):
                return _print_error(end.code)
            if end.code == EXIT_TERMINATED:
                print("terminated", file=sys.stderr)
                return EXIT_TERMINATED
            raise

    return wrapped


@contextmanager
def terminable() -> Iterator[None]:
    """Inside, SIGTERM unwinds the stack as Ctrl-C does, so that what is open is finished; exit code 143."""

    def terminate(_signum: int, _frame: FrameType | None) -> None:
        raise SystemExit(EXIT_TERMINATED)

    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield
        return
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stdout_is_read() -> bool:
    """False where the reader has gone, as in `… | head`."""
    try:
        print(flush=True)
    except BrokenPipeError:
        # At the interpreter's end, the rest of the output would raise once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _print_error(sentence: str) -> int:
    message = Text.assemble(("error: ", "bold red"), sentence)
    Console(stderr=True, soft_wrap=True, highlight=False).print(message)
    return EXIT_REFUSED
