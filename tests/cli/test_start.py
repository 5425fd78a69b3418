"""Commands start without the libraries that they do not use: PyTorch alone takes two seconds of a CPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lgg_seg.__main__ import COMMANDS

HEAVY = {"albumentations", "matplotlib", "onnx", "onnxruntime", "optuna", "pytorch_lightning", "scipy", "sklearn",
         "segmentation_models_pytorch", "streamlit", "timm", "torch", "torchmetrics", "wandb"}  # fmt: skip
RUN = """
def run(module, *words):
    sys.argv = [module, *words]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code
"""


def imported_by(program: str) -> set[str]:
    """The libraries of `HEAVY` that a program has imported when it ends."""
    code = f"import runpy, sys\n{RUN}\n{program}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    return HEAVY & set(done.stderr.splitlines()[-1].split())


def test_help_and_mistakes_on_the_command_line_import_nothing_heavy() -> None:
    modules = ["lgg_seg", *(f"lgg_seg.{name}" for name in COMMANDS)]
    program = f"""
import lgg_seg
lgg_seg.load
for module in {modules}:
    assert run(module, "--help") == 0
for module in {modules}:
    assert run(module, "no_such_argument=1") == 2
"""
    assert not imported_by(program)


def test_predict_imports_what_its_network_needs(trained_run: Path, phantom_root: Path, tmp_path: Path) -> None:
    words = ["lgg_seg.predict", f"run={trained_run}", f"input={next(phantom_root.glob('TCGA*'))}"]
    assert imported_by(f"assert run(*{[*words, f'output={tmp_path}']}) == 0") == {"torch", "scipy"}


def test_the_default_network_imports_its_library_without_weights_and_biases() -> None:
    program = (
        "from lgg_seg.inference.trained import from_zoo; from lgg_seg.inference.zoo import DEFAULT; from_zoo(DEFAULT)"
    )
    assert imported_by(program) == {"scipy", "segmentation_models_pytorch", "timm", "torch"}
