"""Attempts at a command, each with another drawn fault, until the time is over."""

from __future__ import annotations

import io
import logging
import os
import random
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from itertools import count
from pathlib import Path

import lgg_seg
from lgg_seg.errors import UserError

SECONDS = float(os.environ.get("FUZZ_SECONDS", "60"))
"""The time of each test."""
_MAX_SENTENCE = 2000  # characters
_PACKAGE = str(Path(lgg_seg.__file__).parent)


def assert_none_escapes(name: str, attempt: Callable[[random.Random], object]) -> None:
    """Every attempt must succeed or raise a UserError of one line; all escapes are listed, each once."""
    escapes: dict[str, str] = {}
    end, refused = time.monotonic() + SECONDS, 0
    for number in count():
        if time.monotonic() > end:
            break
        try:
            with _output_kept_from_the_report():
                attempt(random.Random(f"{name}-{number}"))
        except UserError as error:
            refused += 1
            sentence = str(error)
            if not sentence.strip() or "\n" in sentence or len(sentence) > _MAX_SENTENCE:
                escapes.setdefault(
                    f"no sentence: {type(error).__name__}", f"case {number}: {sentence[:_MAX_SENTENCE]!r}"
                )
        except Exception as error:  # what escapes, of any kind, is what is looked for
            frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename.startswith(_PACKAGE)]
            place = f"{Path(frames[-1].filename).relative_to(_PACKAGE)}:{frames[-1].lineno}" if frames else "?"
            text = "".join(traceback.format_exception_only(error)).strip()
            escapes.setdefault(f"{type(error).__name__} at {place}", f"case {number}: {text[:300]}")
    print(f"{name}: {number} cases, {refused} refused, {len(escapes)} kinds of escapes")
    assert not escapes, "\n".join(f"{key}: {text}" for key, text in escapes.items())


@contextmanager
def _output_kept_from_the_report() -> Iterator[None]:
    """Output and log records are rendered, not captured: xdist cannot send a report with a name that is no UTF-8."""
    root, written = logging.getLogger(), io.StringIO()
    before, root.handlers = root.handlers, [logging.StreamHandler(written)]
    try:
        with redirect_stdout(written), redirect_stderr(written):
            yield
    finally:
        root.handlers = before
