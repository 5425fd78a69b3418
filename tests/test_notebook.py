"""The notebook runs from its first cell to its last, and its stored outputs are those of a run without an error."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.workplace import lgg

NOTEBOOK = Path(__file__).parents[1] / "docs" / "first_steps.ipynb"
CELLS = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_runs_on_phantoms(tmp_path: Path) -> None:
    code = "\n\n".join("".join(cell["source"]) for cell in CELLS)
    short = code.replace("PATIENTS, SIZE, EPOCHS = 24, 128, 6", "PATIENTS, SIZE, EPOCHS = 12, 64, 1")
    assert short != code
    folder = f"import tempfile\n\ntempfile.tempdir = {str(tmp_path)!r}\n"
    (tmp_path / "program.py").write_text(f"{folder}{short}\nassert len(table.entries) == 2\n", encoding="utf-8")
    done = lgg((tmp_path, os.environ | {"MPLBACKEND": "agg"}), module="program")
    assert done.returncode == 0, done.stderr


def test_every_cell_was_run_in_order_without_an_error() -> None:
    assert [cell["execution_count"] for cell in CELLS] == list(range(1, len(CELLS) + 1))
    outputs = [output for cell in CELLS for output in cell["outputs"]]
    assert all(output["output_type"] != "error" for output in outputs)
    pictures = ["image/png" in output.get("data", {}) for output in outputs]
    assert sum(pictures) == 3, "the data, the curve and the prediction"
    assert "\\u001b" not in NOTEBOOK.read_text(encoding="utf-8"), "a terminal's codes"
    assert len(NOTEBOOK.read_bytes()) < 700_000
