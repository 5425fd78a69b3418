"""Commands of the README and of the pages in `docs` are right.

Those that train are composed and checked. Those of the README, and all that do not train, are run as they stand there
and made short by words after them. A command is found by its line: a new one needs no new test unless it names
something that `place` does not have.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import textwrap
from pathlib import Path

import pytest

from lgg_seg.config.overrides import check_overrides
from lgg_seg.data.phantom.generator import write_phantom
from tests.workplace import lgg

ROOT = Path(__file__).parents[1]


def commands(*pages: Path) -> list[str]:
    """Those of shell blocks and of code within sentences, each once."""
    texts = [page.read_text(encoding="utf-8") for page in pages]
    blocks = [block for text in texts for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
    found = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]
    found += [command for text in texts for command in re.findall(r"`(python -m lgg_seg[^`]*)`", text)]
    return list(dict.fromkeys(found))


README = commands(ROOT / "README.md")
COMMANDS = commands(ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
TRAINING = [c for c in COMMANDS if f"{c} ".startswith("python -m lgg_seg ") and "--help" not in c]
RUN = [c for c in COMMANDS if c.startswith("python -m lgg_seg") and (c in README or c not in TRAINING)]

ELSEWHERE = {
    "make test": "is what runs this test",
    "make demo": "tests/test_demo.py",
    "python -m lgg_seg.app": "tests/app, which asks the page that it serves",
    "python -m lgg_seg.bench": "tests/test_bench.py",
    "python -m lgg_seg.compare FOLDER wandb=ENTITY/PROJECT": "tests/reporting/wandb/test_report.py, up to the sending",
    "python -m experiments.study_004.leak": "tests/experiments/test_study_004_leak.py",
    "python -m lgg_seg.data download": "tests/data/kaggle/test_download.py: it needs a network",
    "python -m lgg_seg.data explore": "tests/data/test_exploration.py",
    "python -m lgg_seg.export run=RUN format=onnx": "tests/test_context_run.py",
    "python -m lgg_seg.lr_find": "tests/test_lr_find.py",
    "python -m lgg_seg.predict": "named in a sentence; below with what it needs",
    "python -m lgg_seg.radiomics outcome target=death01": "tests/radiomics/test_radiomics_commands.py",
}
INSTALLING = ("source ", "python3 -m venv ", "uv ", "pip ", "docker ")  # it needs a network, too
SHORT = (
    "debug=fast", "trainer.accelerator=cpu", "trainer.precision=32-true", "trainer.enable_progress_bar=false",
    "data.workers=0", "callbacks.validation_images=null",
    "preprocess.size=32", "data.batch_size=2", "logger=csv", "evaluation.n_bootstrap=20",
)  # fmt: skip
SHORTER = {
    "model=r2unet loss=bce_dice": ("model.filters=4",),
    "model=unet_bn,unet_slim seed=1,2,3": ("model=unet_slim", "model.alpha=0.0625", "seed=1,2"),
    "phantom patients=24": ("slices=4", "size=64"),
}


@pytest.mark.parametrize("command", TRAINING)
def test_a_command_that_trains_would_start(command: str) -> None:
    words = shlex.split(command)[3:]
    if words and words[0].startswith("resume="):
        pytest.skip("it has no config of its own; tests/runs resume runs")
    check_overrides([word for word in words if word != "-m"], sweep="-m" in words)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, trained_run: Path) -> Path:
    """A working directory with what the pages' capitals stand for."""
    folder = tmp_path_factory.mktemp("readme")
    tree = write_phantom(folder / "data" / "kaggle_3m", patients=12, slices=6, size=64)
    write_phantom(folder / "OTHER_TREE", patients=2, slices=4, size=64, seed=1)
    shutil.copytree(trained_run, folder / "RUN")
    shutil.copytree(trained_run, folder / "FOLDER" / "run")
    shutil.copytree(trained_run, folder / "OTHER_FOLDER" / "run")
    shutil.copytree(next(path for path in sorted(tree.iterdir()) if path.is_dir()), folder / "SCAN")
    return folder


def says(command: str, words: str) -> bool:
    return set(words.split()) <= set(command.split())


def made_short(command: str) -> list[str]:
    """The command's words, with those after it that make it short."""
    extra = [word for told, more in SHORTER.items() if says(command, told) for word in more]
    return [*shlex.split(command)[2:], *(SHORT if command in TRAINING else ()), *extra]


@pytest.mark.parametrize("command", [command for command in RUN if command not in ELSEWHERE])
def test_a_command_runs(command: str, place: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "LGG_DATA_ROOT": str(place / "data" / "kaggle_3m")}
    words = made_short(command)
    done = lgg((place, environment), *words[1:], module=words[0])
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


@pytest.mark.parametrize("module", ["lgg_seg.bench", "lgg_seg.lr_find", "lgg_seg.radiomics"])
def test_a_module_whose_function_is_tested_elsewhere_is_a_command(module: str, tmp_path: Path) -> None:
    done = lgg((tmp_path, dict(os.environ)), "--help", module=module)
    assert done.returncode == 0, done.stderr
    assert f"python -m {module}" in done.stdout


def test_the_python_of_the_pages_runs(tmp_path: Path) -> None:
    code = "import numpy as np\nvolume = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3)).astype('uint8')\n"
    text = (ROOT / "docs" / "predicting.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        code += textwrap.dedent(block)
    code += "assert probability.shape == (2, 64, 64) and 0 <= probability.min() <= probability.max() <= 1\n"
    (tmp_path / "program.py").write_text(code, encoding="utf-8")
    done = lgg((tmp_path, dict(os.environ)), module="program")
    assert done.returncode == 0, done.stderr


def test_what_is_not_run_here_is_run_elsewhere() -> None:
    left = [command for command in COMMANDS if command not in (*RUN, *TRAINING) and not command.startswith(INSTALLING)]
    assert set(left) <= set(ELSEWHERE)
    for told in SHORTER:
        assert any(says(command, told) for command in RUN), f"no command says {told} any more"


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < 1200
