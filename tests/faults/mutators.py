"""Mutations of bytes, JSON, YAML, tables and checkpoints; a case is all that its generator draws."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import torch
import yaml

ODD: tuple[Any, ...] = (
    None, "", "x", "nan", 0, -1, 1e308, float("nan"), float("inf"), 2**70, True, [], [1], {}, {"a": 1}, "${nope}", "/",
    "..", "é" * 300, "=1+1", "???",
)  # fmt: skip
"""Values that few fields expect."""
CHUNKS = (
    b"",
    b"\0",
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\0" * 64,
    b"\n",
    b",",
    b'"',
    b"{",
    b"]",
    b"1e999",
    b"\xed\xa0\x80",
)


def bytes_mutated(draw: random.Random, data: bytes, places: int | None = None) -> bytes:
    """Some flips, cuts, insertions and copies, most of them in the first `places` bytes, where a header is."""
    content = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        end = min(places or len(content), len(content)) if draw.random() < 0.8 else len(content)
        place, kind = draw.randrange(end + 1), draw.random()
        if kind < 0.5 and place < len(content):
            content[place] = draw.choice((0, 1, 127, 128, 255, content[place] ^ (1 << draw.randrange(8))))
        elif kind < 0.75:
            chunk = draw.choice(CHUNKS)
            content[place : place + draw.choice((0, len(chunk)))] = chunk
        elif kind < 0.9:
            del content[place : place + draw.choice((1, 4, 64, len(content)))]
        else:
            other = draw.randrange(len(content) + 1)
            content[place : place + 8] = content[other : other + 8]
    return bytes(content)


def tree_mutated(draw: random.Random, node: Any) -> Any:
    """Nested containers with a value replaced, removed, renamed, doubled or added at some place."""
    changed = copy.deepcopy(node)
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        place = changed
        while isinstance(place, dict | list) and place:
            key = draw.choice(list(place) if isinstance(place, dict) else range(len(place)))
            if draw.random() < 0.4 or not isinstance(place[key], dict | list) or not place[key]:
                _change(draw, place, key)
                break
            place = place[key]
        else:
            return draw.choice(ODD)
    return draw.choice(ODD) if draw.random() < 0.03 else changed


def _change(draw: random.Random, place: Any, key: Any) -> None:
    kind = draw.random()
    if kind < 0.3:
        del place[key]
    elif kind < 0.4 and isinstance(place, dict):
        place[draw.choice(("x", "", "é", f"{key}x"))] = place.pop(key)
    elif kind < 0.5 and isinstance(place, dict):
        place[key] = [place[key]]
    else:
        place[key] = copy.deepcopy(draw.choice(ODD))


def table_mutated(draw: random.Random, text: str) -> str:
    """A CSV with rows, columns or cells removed, doubled or replaced."""
    rows = [line.split(",") for line in text.splitlines()]
    for _ in range(draw.choice((1, 1, 2, 4))):
        if not rows:
            break
        row, kind = draw.randrange(len(rows)), draw.random()
        column = draw.randrange(len(rows[0]) or 1)
        if kind < 0.15:
            del rows[row]
        elif kind < 0.3:
            rows.append(list(rows[row]))
        elif kind < 0.45:
            rows = [[cell for place, cell in enumerate(one) if place != column] for one in rows]
        elif column < len(rows[row]):
            rows[row][column] = str(draw.choice((*ODD, rows[0][0])))
    return "\n".join(",".join(row) for row in rows) + "\n"


def file_mutated(draw: random.Random, path: Path) -> None:
    """Change a file of a run folder by what its ending says it holds, or its bytes, or take it away."""
    kind = draw.random()
    if kind < 0.05:
        path.unlink()
    elif kind < 0.25:
        path.write_bytes(bytes_mutated(draw, path.read_bytes()))
    elif path.suffix == ".json":
        path.write_text(json.dumps(tree_mutated(draw, json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")
    elif path.suffix == ".yaml":
        path.write_text(
            yaml.safe_dump(tree_mutated(draw, yaml.safe_load(path.read_text(encoding="utf-8")))), encoding="utf-8"
        )
    elif path.suffix == ".csv":
        path.write_text(table_mutated(draw, path.read_text(encoding="utf-8")), encoding="utf-8")
    elif path.suffix == ".jsonl":
        lines = [
            json.dumps(tree_mutated(draw, json.loads(line)))
            for line in path.read_text(encoding="utf-8").splitlines()
            if line
        ]
        path.write_text("\n".join(lines), encoding="utf-8")
    else:
        torch.save(tree_mutated(draw, torch.load(path, weights_only=True)), path)
