"""The nearest valid name for a mistyped one."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A clause that names the nearest of `choices`, in capitals or not, or all of a few, or nothing.

    >>> did_you_mean("r2unte", ["unet", "r2unet"])
    'did you mean r2unet?'
    """
    valid = sorted(set(choices))
    word = word.lower()
    group, _, leaf = word.rpartition(".")
    # People mistype the last part of a dotted key, or leave its group out altogether.
    leaves = [name.rpartition(".")[2].lower() for name in valid]
    near = difflib.get_close_matches(leaf, leaves, n=1, cutoff=0.6)
    same_leaf = [name for name, end in zip(valid, leaves, strict=True) if end in near]
    begins = [name for name in valid if name.startswith(word)]
    close = difflib.get_close_matches(word, same_leaf, n=1, cutoff=0.0) or begins[:1]
    if close:
        return f"did you mean {close[0]}?"
    listed = [name for name in valid if group and name.rpartition(".")[0] == group] or valid
    return f"choose from {', '.join(listed)}." if 0 < len(listed) <= 30 else "see --help for the choices."
