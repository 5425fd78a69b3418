"""Every command of the README is run as it stands there, and made short by words after it.

A command is found by its line: a new one needs no new test unless it names something that `PLACES` does not have.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import textwrap
from pathlib import Path

import pytest

from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.runs.folder import RunFolder
from tests.workplace import lgg

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [line.partition(" #")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
COMMANDS += re.findall(r"`(python -m lgg_seg[^`]*)`", README)
OURS = [command for command in COMMANDS if command.startswith("python -m lgg_seg")]

PATIENTS = 40  # so many that study 001's 20 and 11 leave some to train, and an outcome has enough of each kind
ELSEWHERE = {
    "make test": "is what runs this test",
    "make demo": "tests/test_demo.py",
    "python -m lgg_seg.app": "tests/app, which asks the page that it serves",
    "python -m lgg_seg.compare FOLDER wandb=ENTITY/PROJECT": "tests/reporting/wandb/test_report.py, up to the sending",
    "python -m lgg_seg -m seed=0,1,2,3 hydra/launcher=joblib": "tests/sweeps/test_multirun.py",
    "python -m experiments.study_004.leak": "tests/experiments/test_study_004_leak.py",
    "python -m lgg_seg.data download": "tests/data/kaggle/test_download.py: it needs a network",
}
SHORT = (
    "debug=fast", "trainer.accelerator=cpu", "trainer.precision=32-true", "trainer.enable_progress_bar=false",
    "data.workers=0", "callbacks.validation_images=null",
    "preprocess.size=32", "data.batch_size=2", "logger=csv", "evaluation.n_bootstrap=20",
)  # fmt: skip
SHORTER = {
    # of a sweep, one or two cells; of a network whose weights would be fetched, random ones
    "data=phantom debug=fast": ("data.root=small", "data.tree.slices=6", "data.tree.size=64"),
    "model=r2unet loss=bce_dice": ("model.filters=4",),
    "experiment=study_000": ("model.filters=4",),
    "experiment=study_001": ("model.filters=4",),
    "experiment=study_003": ("model.filters=4",),
    "sweep=folds": ("split.fold=0,4",),
    "sweep=networks": ("model=unet_slim",),
    "sweep=leak": ("model=unet_slim",),
    "sweep=study_002": ("model=unet_slim",),
    "sweep=learning_rate": ("hydra.sweeper.n_trials=2", "model=unet_slim"),
    "sweep=train_patients": ("model=unet_slim", "data.train_patients=4,8"),
    "sweep=study_003_classifier": ("model.weights=null", "model.hidden=8"),
    "experiment=study_003_grade": ("model.weights=null", "model.hidden=8"),
    "experiment=study_004_resnet50": ("model.weights=null", "model.freeze_encoder=false"),
    "model=unet,unet_bn,unet_slim seed=0,1,2": ("model=unet_slim,unet_bn", "seed=0"),
    "model=unet,unet_bn seed=1,2,3": ("model=unet_slim", "seed=1,2"),
    "lgg_seg.bench": ("model=unet_slim", "size=32", "batch_size=1", "seconds=0.01", "threads=1"),
    "outcome target=death01": ("repeats=1", "permutations=0"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, trained_run: Path) -> Path:
    """A working directory with what the README's capitals stand for."""
    folder = tmp_path_factory.mktemp("readme")
    tree = write_phantom(folder / "data" / "kaggle_3m", patients=PATIENTS, slices=10, size=64)
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
    words = shlex.split(command)[2:]
    extra = [word for told, more in SHORTER.items() if says(command, told) for word in more]
    trains = words[0] == "lgg_seg" and not {"--help"} & set(words) and not any(w.startswith("resume=") for w in words)
    return [*words, *(SHORT if trains else ()), *extra]


@pytest.mark.parametrize("command", [command for command in OURS if not command.startswith(tuple(ELSEWHERE))])
def test_a_command_of_the_readme_runs(command: str, place: Path, trained_run: Path, tmp_path: Path) -> None:
    if "resume=" in command:  # of a run that was stopped before its test
        place = tmp_path
        shutil.copytree(trained_run, place / "RUN")
        (place / "RUN" / "metrics.json").unlink()
        RunFolder(place / "RUN").set_status("interrupted")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "LGG_DATA_ROOT": str(place / "data" / "kaggle_3m")}
    words = made_short(command)
    done = lgg((place, environment), *words[1:], module=words[0])
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    code = "import numpy as np\nvolume = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3)).astype('uint8')\n"
    for block in re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL):
        code += textwrap.dedent(block)
    code += "assert probability.shape == (2, 64, 64) and 0 <= probability.min() <= probability.max() <= 1\n"
    (tmp_path / "program.py").write_text(code)
    done = lgg((tmp_path, dict(os.environ)), module="program")
    assert done.returncode == 0, done.stderr


def test_what_is_not_run_here_is_run_elsewhere() -> None:
    left = [command for command in COMMANDS if command not in OURS]
    assert set(left) <= set(ELSEWHERE)
    for told in SHORTER:
        assert any(says(command, told) for command in OURS), f"no command says {told} any more"
