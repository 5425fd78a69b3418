from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lgg_seg.data.__main__ import main
from tests.workplace import lgg


def test_sound_files_pass_and_the_summary_lists_patients_and_slices(
    phantom_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", f"root={phantom_root}"]) == 0
    said = capsys.readouterr().out
    for expected in ("12", "72, ", "64 x 64 pixels", "EZ 1", "pre-contrast: TCGA_FG_P004", "12 of 12", "0 errors"):
        assert expected in said


def test_every_issue_of_damaged_files_is_listed_and_the_exit_code_is_1(phantom_root: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(phantom_root, tmp_path / "root"))
    folders = sorted(p for p in root.iterdir() if p.is_dir())
    for folder in folders:
        for number in (1, 2, 3):
            (folder / f"{folder.name}_{number}.tif").write_bytes(b"")
    done = lgg((tmp_path, dict(os.environ)), "verify", f"root={root}", module="lgg_seg.data")
    assert done.returncode == 1
    assert all(f"{f.name}/{f.name}_{n}.tif is empty (zero bytes)" in done.stdout for f in folders for n in (1, 2, 3))
    assert "36 errors" in done.stdout


def test_wrong_root_is_one_sentence_without_a_traceback(tmp_path: Path) -> None:
    done = lgg((tmp_path, dict(os.environ)), "verify", f"root={tmp_path}", module="lgg_seg.data")
    assert done.returncode == 2
    assert done.stderr.startswith("error: data root ")
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["verfy"], "did you mean verify?"),
        (["phantom", "patiens=3"], "did you mean patients?"),
        (["phantom", "patients=few"], "patients is 'few'; it must be a whole number"),
        (["phantom", "size"], "size needs a value"),
    ],
)
def test_mistyped_call_is_refused_with_a_hint(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert hint in capsys.readouterr().err


def test_help_names_every_command_and_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("verify", "download", "phantom", "digests", "patients=", "default 24"))


def test_phantom_is_written_and_its_checksums_are_those_it_ships(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    assert main(["phantom", f"data.root={root}", "patients=2", "slices=4", "size=32", "seed=5"]) == 0
    capsys.readouterr()
    assert main(["digests", f"root={root}"]) == 0
    assert capsys.readouterr().out == (root / "digests.txt").read_text(encoding="utf-8")
