"""How every command begins and ends: words in, an exit code out, and one clear sentence for what the user can mend."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.text import Text

from lgg_seg.errors import UserError

REFUSED = 2


def command(function: Callable[[list[str]], int]) -> Callable[..., int]:
    """Decorate a command's main function, which takes its words (by default the process's) and gives an exit code.

    A UserError becomes a sentence on stderr and exit code 2; what is our fault keeps its traceback.
    """

    @functools.wraps(function)
    def wrapped(words: Sequence[str] | None = None) -> int:
        try:
            return function(list(sys.argv[1:] if words is None else words))
        except UserError as error:
            return _complain(str(error))
        except SystemExit as end:
            if isinstance(end.code, str):
                return _complain(end.code)
            raise

    return wrapped


def _complain(sentence: str) -> int:
    message = Text.assemble(("error: ", "bold red"), sentence)
    Console(stderr=True, soft_wrap=True, highlight=False).print(message)
    return REFUSED
