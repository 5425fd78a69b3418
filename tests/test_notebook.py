"""The notebook runs from its first cell to its last, and its stored outputs are those of the present code."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from tests.workplace import lgg

NOTEBOOK = Path(__file__).parents[1] / "docs" / "first_steps.ipynb"
CELLS = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
OUTPUTS = [output for cell in CELLS for output in cell["outputs"]]


def stored(stream: str) -> str:
    """What the notebook holds of a stream."""
    return "".join(line for one in OUTPUTS if one.get("name") == stream for line in one["text"])


def words(text: str) -> set[str]:
    """What is printed but for numbers and units, which differ; the verdict, in the last line, may be another one."""
    *lines, _verdict = text.strip().splitlines()
    return set(re.findall(r"[A-Za-z_./]{4,}", "\n".join(lines)))


def test_the_notebook_runs_on_phantoms_and_prints_what_it_holds(tmp_path: Path) -> None:
    code = "\n\n".join("".join(cell["source"]) for cell in CELLS)
    short = code.replace("PATIENTS, SIZE, EPOCHS = 24, 128, 6", "PATIENTS, SIZE, EPOCHS = 12, 64, 2")
    assert short != code
    folder = f"import tempfile\n\ntempfile.tempdir = {str(tmp_path)!r}\n"
    (tmp_path / "program.py").write_text(f"{folder}{short}\nassert len(table.entries) == 2\n", encoding="utf-8")
    done = lgg((tmp_path, os.environ | {"MPLBACKEND": "agg"}), module="program")
    assert done.returncode == 0, done.stderr
    assert words(done.stdout) == words(stored("stdout"))


def test_every_cell_was_run_in_order_without_an_error() -> None:
    assert [cell["execution_count"] for cell in CELLS] == list(range(1, len(CELLS) + 1))
    assert all(output["output_type"] != "error" for output in OUTPUTS)
    pictures = ["image/png" in output.get("data", {}) for output in OUTPUTS]
    assert sum(pictures) == 3, "the data, the curve and the prediction"


def test_the_notebook_is_small_and_holds_nothing_of_the_machine_that_ran_it() -> None:
    assert len(NOTEBOOK.read_bytes()) < 300_000
    assert "\\u001b" not in NOTEBOOK.read_text(encoding="utf-8"), "a terminal's codes"
    printed = stored("stdout") + stored("stderr")
    assert not re.search(r"(?<![\w.])/\w", printed), "an absolute path"
    assert "Warning" not in printed
