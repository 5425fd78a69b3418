"""How every command ends: one clear sentence for what the user can mend, a traceback for what is our fault."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

from rich.console import Console

from lgg_seg.errors import UserError


def command(function: Callable[[], None]) -> Callable[[], None]:
    """Decorate the entry point of a command: a UserError is printed as a sentence and the exit code is 1."""

    @functools.wraps(function)
    def wrapped() -> None:
        try:
            function()
        except UserError as error:
            complain(str(error))
            sys.exit(1)
        except SystemExit as end:
            if isinstance(end.code, str):
                complain(end.code)
                sys.exit(1)
            raise

    return wrapped


def complain(sentence: str) -> None:
    """Print an error to stderr."""
    Console(stderr=True, soft_wrap=True).print(f"[bold red]error:[/] {_escape(sentence)}", highlight=False)


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
