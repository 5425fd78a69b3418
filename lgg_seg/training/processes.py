"""The processes of a distributed run: those that the main one has started do not outlive it."""

import os
import signal
import sys
import threading
import time

_MAIN = "LGG_SEG_MAIN_PROCESS"


def announce_main_process() -> None:
    """Tell the processes that this one will start who they belong to."""
    os.environ[_MAIN] = str(os.getpid())


def end_with_main_process() -> None:
    """End this process at once on SIGTERM, and within a second of the main one that started it, even of a killed one.

    It would wait for minutes in a collective operation. Those that torchrun or Slurm has started are looked after
    there.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # no handler of Python's runs inside a collective operation
    main = os.environ.get(_MAIN)
    if main is None or sys.platform == "win32":  # where a parent's id stays when it has gone
        return

    def watch() -> None:
        while os.getppid() == int(main):
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, name="watch-main-process", daemon=True).start()
