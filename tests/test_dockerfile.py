"""The Dockerfile installs the locked versions, copies files that are there, and does not run as root."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

DOCKER = shutil.which("docker")
ROOT = Path(__file__).parents[1]
LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
TEXT = "\n".join(line for line in LINES if not line.startswith("#")).replace("\\\n", " ")
STEPS = [line.partition(" ")[::2] for line in TEXT.splitlines() if line]


def arguments(instruction: str) -> list[str]:
    return [rest.strip() for name, rest in STEPS if name == instruction]


def test_every_instruction_is_one_and_the_base_is_a_full_version() -> None:
    assert {name for name, _ in STEPS} <= {"FROM", "ARG", "RUN", "WORKDIR", "COPY", "ENV", "USER", "ENTRYPOINT"}
    [base] = arguments("FROM")
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base)
    assert all(re.search(r"==\d", command) for command in arguments("RUN") if command.startswith("pip install"))


def test_the_last_user_is_not_root_and_the_entry_is_our_command() -> None:
    assert arguments("USER")[-1] not in ("root", "0")
    assert STEPS[-2][0] == "USER", "no step after it but the entry"
    assert json.loads(arguments("ENTRYPOINT")[0]) == ["python", "-m", "lgg_seg"]


def test_what_is_copied_is_there_and_not_ignored() -> None:
    copied = [source for line in arguments("COPY") for source in line.split()[:-1]]
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {f"!{source}" for source in copied} == {line for line in ignored if line.startswith("!")}
    assert all((ROOT / source).exists() for source in copied)


def test_without_cuda_the_same_versions_are_installed_without_their_hashes() -> None:
    [script] = re.findall(r"(sed .*?) >", TEXT)
    done = subprocess.run(["sh", "-c", script], cwd=ROOT, capture_output=True, check=True, encoding="utf-8")
    lines = done.stdout.splitlines()
    assert all(re.fullmatch(r"[\w.\[\]-]+==\S+( ; .+)?", line) for line in lines)
    locked = re.findall(
        r"^([\w.-]+==[^ ;\\]+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert [line.split(" ;")[0] for line in lines] == locked


@pytest.mark.skipif(
    DOCKER is None or subprocess.run([DOCKER, "info"], capture_output=True, check=False).returncode != 0,
    reason="no Docker runs here",
)
def test_the_image_is_built_and_its_command_answers() -> None:
    """It fetches the CPU's dependencies where no layer has them."""
    subprocess.run(["docker", "build", "--tag", "lgg_seg:test", "."], cwd=ROOT, capture_output=True, check=True)
    command = ["docker", "run", "--rm", "lgg_seg:test", "--version"]
    done = subprocess.run(command, capture_output=True, check=True, encoding="utf-8")
    assert done.stdout.startswith("lgg_seg ")
