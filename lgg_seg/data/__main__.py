"""`python -m lgg_seg.data verify|download|phantom|digests key=value …`: a data tree, from the command line."""

from __future__ import annotations

import difflib
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import get_type_hints

from rich.console import Console

from lgg_seg.data.digests import format_digests
from lgg_seg.data.download import download as fetch
from lgg_seg.data.index import survey
from lgg_seg.data.phantom import write_phantom
from lgg_seg.data.report import print_survey
from lgg_seg.data.scan import read_all
from lgg_seg.data.tree import list_tree
from lgg_seg.errors import UserError

_DEFAULT_ROOT = Path(os.environ.get("LGG_DATA_ROOT") or "data/kaggle_3m")


def verify(root: Path = _DEFAULT_ROOT) -> int:
    """Decode every file of a tree and list every fault; exit code 1 if there are errors."""
    found = survey(root, rescan=True)
    print_survey(found, Console(soft_wrap=True, highlight=False))
    return int(any(fault.severity == "error" for fault in found.faults))


def download(root: Path = _DEFAULT_ROOT) -> int:
    """Fetch the Kaggle dataset (near a gigabyte) with kagglehub and link root to it."""
    print(f"the dataset is at {fetch(root)}")
    return 0


def phantom(
    root: Path = Path("data/phantom"), patients: int = 24, slices: int = 12, size: int = 128, seed: int = 0
) -> int:
    """Write a small tree of drawn heads, with tumours, in the dataset's layout."""
    tree = write_phantom(root, patients=patients, slices=slices, size=size, seed=seed)
    print(f"{patients} phantom patients of {slices} slices are at {tree}")
    return 0


def digests(root: Path = _DEFAULT_ROOT) -> int:
    """Print the digests of a sound tree's pixels, to be kept as its digests.txt: `… digests root=TREE > FILE`."""
    readings = read_all(list_tree(root))
    if any(reading.problems for reading in readings):
        raise UserError(f"{root} has files that cannot be used: `python -m lgg_seg.data verify root={root}` lists them")
    sys.stdout.write(format_digests(readings))
    return 0


_COMMANDS: dict[str, Callable[..., int]] = {c.__name__: c for c in (verify, download, phantom, digests)}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, 1 for faults in the data, 2 for a mistake in the call or the request."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or {"-h", "--help", "help"} & set(arguments):
        print(_help())
        return 0 if arguments else 2
    try:
        command = _COMMANDS[_nearest(arguments[0], _COMMANDS, "command")]
        return command(**_parse(command, arguments[1:]))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _parse(command: Callable[..., int], arguments: Sequence[str]) -> dict[str, object]:
    types = get_type_hints(command)
    keys = inspect.signature(command).parameters
    values: dict[str, object] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise UserError(f"{argument!r} is not of the form key=value")
        key = _nearest(key, keys, f"key of `{command.__name__}`")
        try:
            values[key] = types[key](value)
        except ValueError:
            raise UserError(f"{key}={value} is not a whole number") from None
    return values


def _nearest(name: str, known: Iterable[str], what: str) -> str:
    names = list(known)
    if name in names:
        return name
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
    raise UserError(f"{name!r} is no {what}; {hint}")


def _help() -> str:
    lines = ["usage: python -m lgg_seg.data COMMAND [key=value …]", ""]
    for name, command in _COMMANDS.items():
        defaults = " ".join(f"{key}={p.default}" for key, p in inspect.signature(command).parameters.items())
        lines += [f"  {name} {defaults}", f"      {inspect.getdoc(command)}"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
