"""The nearest right word for a mistyped one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A clause that names the nearest of `choices`, or all of a few, or nothing.

    >>> did_you_mean("r2unte", ["unet", "r2unet"])
    'did you mean r2unet?'
    """
    known = sorted(set(choices))
    # People mistype the last part of a dotted key, or leave its group out altogether.
    same_leaf = [name for name in known if name.rpartition(".")[2] == word.rpartition(".")[2]]
    close = same_leaf[:1] or difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if not close:
        leaves = {name.rpartition(".")[2]: name for name in known}
        close = [leaves[leaf] for leaf in difflib.get_close_matches(word.rpartition(".")[2], leaves, n=1, cutoff=0.6)]
    if close:
        return f"did you mean {close[0]}?"
    return f"choose from {', '.join(known)}." if 0 < len(known) <= 30 else "see --help for the choices."
