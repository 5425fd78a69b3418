"""`python -m lgg_seg.app zoo=NAME|run=RUN`: the page in a browser, served to this computer alone."""

import signal
import socket
import sys
from pathlib import Path
from typing import Annotated, Any

from lgg_seg.app.arguments import Device, RunFolder, ZooName
from lgg_seg.app.limits import MAX_UPLOAD, MB
from lgg_seg.cli.arguments import Argument, arguments_of
from lgg_seg.cli.console import command
from lgg_seg.cli.logs import configure_logs
from lgg_seg.errors import UserError, require
from lgg_seg.inference.arguments import Postprocess, Threshold

ADDRESS, NAME = "127.0.0.1", "localhost"
_PAGE = Path(__file__).with_name("page.py")
_OPTIONS = {
    "server.address": ADDRESS,
    "server.maxUploadSize": MAX_UPLOAD // MB,
    "server.fileWatcherType": "none",
    "server.showEmailPrompt": "false",
    "browser.serverAddress": NAME,
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "logger.level": "warning",
    "logger.hideWelcomeMessage": "true",
    # Pictures are read on a dark ground, with one quiet colour for what can be touched.
    "theme.base": "dark",
    "theme.backgroundColor": "#0f1113",
    "theme.secondaryBackgroundColor": "#1a1d21",
    "theme.textColor": "#e6e8ea",
    "theme.codeTextColor": "#e6e8ea",
    "theme.primaryColor": "#8fb4d8",
}


def serve(
    run: RunFolder = None,
    zoo: ZooName = None,
    threshold: Threshold = None,
    postprocess: Postprocess = None,
    device: Device = "auto",
    port: Annotated[int, Argument("where it listens on this computer; 0 for any that is free")] = 8501,
    headless: Annotated[bool, Argument("open no browser")] = False,
) -> None:
    """Serve the page to this computer's browsers until Ctrl-C, SIGTERM or the end of its terminal."""
    require(0 <= port <= 65535, "port", port, "between 0 and 65535")
    from lgg_seg.app.caching import cached_model

    given = {"run": run, "zoo": zoo, "threshold": threshold, "postprocess": postprocess, "device": device}
    words = [f"{key}={value}" for key, value in given.items() if value is not None]
    cached_model(tuple(words))  # here, so that its errors end the command and the first visitor does not wait
    port = _free(port)
    options = {**_OPTIONS, "server.port": port, "server.headless": str(headless).lower()}
    flags = [f"--{key}={value}" for key, value in options.items()]
    # A page elsewhere whose name is made to lead to this computer gets no answer.
    flags += [f"--server.allowedHosts={name}" for name in (NAME, ADDRESS)]
    from streamlit.web import cli  # here, so that --help and mistakes need not wait for it

    _end_with_the_terminal()
    print(f"the page is at http://{NAME}:{port}, for this computer alone; Ctrl-C ends it", flush=True)
    cli.main(["run", str(_PAGE), *flags, "--", *words], standalone_mode=False)


def _end_with_the_terminal() -> None:
    """Let SIGHUP, as of a closed terminal, end the server as SIGTERM does, so that no upload stays on the disk."""
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None and signal.getsignal(hangup) == signal.SIG_DFL:  # nohup has it ignored
        signal.signal(hangup, lambda *_: signal.raise_signal(signal.SIGTERM))


def _free(port: int) -> int:
    """The port itself, or for 0 one that is free."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
        try:
            tried.bind((ADDRESS, port))
        except OSError as error:
            raise UserError(f"port={port} cannot be used ({error.strerror}); name another, or port=0.") from error
        return int(tried.getsockname()[1])


@command
@arguments_of(serve, "lgg_seg.app [zoo=NAME|run=RUN] [key=value …]")
def main(given: dict[str, Any]) -> int:
    """Serve until stopped; exit code 2 for what cannot be done as asked."""
    configure_logs()
    serve(**given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
