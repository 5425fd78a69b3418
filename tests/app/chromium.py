"""Chromium without a window, spoken to in its own protocol: what a tab shows, asks for, and lets one do."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 60.0  # seconds


def program() -> str | None:
    """The first Chromium that is installed and can be started."""
    for name in PROGRAMS:
        found = shutil.which(name)
        if found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
            return found
    return None


class Tab:
    """A page, driven over its DevTools socket.

    Attributes:
        requests: every address that it asked for, with the method.
        complaints: what it wrote to the console as an error, and exceptions of its scripts.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._calls = 0
        self.requests: list[tuple[str, str]] = []
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Network", "DOM", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol and return its result."""
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE))
            if message.get("id") == self._calls:
                assert "error" not in message, message
                return dict(message["result"])
            self._note(message.get("method", ""), message.get("params", {}))

    def _note(self, event: str, told: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append((told["request"]["method"], told["request"]["url"]))
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif event == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(told["entry"]["text"])

    def ask(self, script: str) -> Any:
        """The value of a JavaScript expression, or of what it promises."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, script: str) -> None:
        """Wait until a JavaScript expression is true."""
        ends = time.monotonic() + PATIENCE
        while not self.ask(script):
            assert time.monotonic() < ends, f"{script} does not become true; the page says {self.text()}"
            time.sleep(0.1)

    def text(self) -> str:
        """What a reader sees."""
        return str(self.ask("document.body.innerText"))

    def open(self, address: str, width: int, height: int = 1000) -> None:
        """Go there, in a window of that size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=address)

    def drop(self, *files: Path) -> None:
        """Put files into the page's first file input."""
        root = self.call("DOM.getDocument", depth=-1, pierce=True)["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector="input[type=file]")["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(file) for file in files])

    def press(self, key: str, code: int) -> None:
        """Press a key that writes nothing, such as ArrowRight (39)."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)


@contextmanager
def tab(folder: Path) -> Iterator[Tab]:
    """A tab of a Chromium that keeps everything in `folder`."""
    from websockets.sync.client import connect  # where there is none, the tests are skipped

    found = program()
    assert found is not None
    profile = folder / "profile"
    # Without a sandbox: root may not have one, and the only pages it sees are ours.
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"]
    options += ["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"]
    command = [found, *options, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            address = _first_tab(profile / "DevToolsActivePort")
            with connect(address, max_size=None, open_timeout=PATIENCE) as socket:
                yield Tab(socket)
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)


def _first_tab(file: Path) -> str:
    ends = time.monotonic() + PATIENCE
    while not (file.exists() and file.read_text().count("\n") >= 1):
        assert time.monotonic() < ends, "Chromium does not start"
        time.sleep(0.1)
    port = file.read_text().splitlines()[0]
    with urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE) as answer:
        tabs = json.load(answer)
    return next(str(one["webSocketDebuggerUrl"]) for one in tabs if one["type"] == "page")
