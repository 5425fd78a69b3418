"""`python -m lgg_seg.app`: a server for this computer alone, until SIGTERM."""

from __future__ import annotations

import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from lgg_seg.app.__main__ import main
from lgg_seg.app.limits import MAX_FILE, MAX_FILES, MAX_PIXELS, MAX_SIDE, MAX_UNPACKED, MAX_UPLOAD, MB
from tests.app.server import serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Popen[str], str]]:
    with serving(tmp_path_factory.mktemp("elsewhere"), "zoo=unet_slim") as started:
        yield started


def test_the_server_listens_on_this_computers_own_address_alone(server: tuple[Popen[str], str]) -> None:
    """From a folder that is not the checkout."""
    _, address = server
    port = int(address.rpartition(":")[2])
    with urllib.request.urlopen(address, timeout=20) as answer:
        assert b"<html" in answer.read().lower()
    taken = [socket.socket() for _ in range(2)]
    with taken[0] as same, taken[1] as other:
        with pytest.raises(OSError, match="in use"):
            same.bind(("127.0.0.1", port))
        other.bind(("127.0.0.2", port))  # which it could not, if the server listened on every address


def test_a_taken_port_is_one_sentence(server: tuple[Popen[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    port = server[1].rpartition(":")[2]
    assert main([f"port={port}"]) == 2
    assert f"port={port} cannot be used" in capsys.readouterr().err


def test_sigterm_ends_the_server(server: tuple[Popen[str], str]) -> None:
    """The last test of this server."""
    process, address = server
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", int(address.rpartition(":")[2])))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("zoo=unet_slin",), "did you mean unet_slim"),
        (("run=nowhere",), "config.yaml is missing"),
        (("run=a", "zoo=unet_slim"), "leave one of them out"),
        (("port=70000",), "between 0 and 65535"),
        (("threshold=0",), "between 0.01 and 0.99"),
        (("postprocess=largest",), "did you mean largest_component"),
        (("prot=8501",), "did you mean port"),
        (("headless=perhaps",), "true or false"),
    ],
)
def test_a_bad_argument_is_one_sentence_with_the_remedy(
    words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(list(words)) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert error.startswith("error: ")
    assert says in error


@pytest.mark.parametrize("word", ["help", "--help"])
def test_help_names_every_argument(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word]) == 0
    out = capsys.readouterr().out
    assert all(f"{key}=" in out for key in ("run", "zoo", "threshold", "postprocess", "device", "port", "headless"))


def test_the_page_about_predicting_names_the_limits() -> None:
    text = " ".join((Path(__file__).parents[2] / "docs" / "predicting.md").read_text(encoding="utf-8").split())
    for words in (
        f"{MAX_UPLOAD // MB} MB dropped and {MAX_UNPACKED // MB} MB unpacked, {MAX_FILES:,} files",
        f"{MAX_FILE // MB} MB and {MAX_SIDE} x {MAX_SIDE} pixels a slice, {MAX_PIXELS // 10**6} million pixels in all",
    ):
        assert words in text
