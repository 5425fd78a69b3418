"""The processes of a distributed run: none outlives the one that has started it, or waits through a signal."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable

_MAIN = "LGG_SEG_MAIN_PROCESS"


def announce_main_process() -> None:
    """Tell the processes that this one will start who they belong to."""
    os.environ[_MAIN] = str(os.getpid())


def started_together() -> tuple[int, int]:
    """How many processes torchrun or `srun` has started with this one, it included, and on how many machines."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        count = int(os.environ["WORLD_SIZE"])
        return count, count // int(os.environ["LOCAL_WORLD_SIZE"])
    return int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)), int(os.environ.get("SLURM_STEP_NUM_NODES", 1))


def end_with_main_process() -> None:
    """End this process within a second of the main one that started it, even of a killed one.

    It would wait for minutes in a collective operation. Those that torchrun or Slurm has started are looked after
    there; the first one of another machine is the main one of those that it will start.
    """
    main = os.environ.get(_MAIN)
    if main is None:
        announce_main_process()
        return
    if sys.platform == "win32":  # where a parent's id stays when it has gone
        return

    def watch() -> None:
        while os.getppid() == int(main):
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, name="watch-main-process", daemon=True).start()


class SignalWatch:
    """A thread that learns of signals while the main one waits for other processes, where no handler of Python runs.

    From `start` to `stop` it calls `end` with the number of every signal that has a handler.
    """

    def __init__(self, end: Callable[[int], None]) -> None:
        self._end = end

    def start(self) -> None:
        received, sent = socket.socketpair()
        sent.setblocking(False)
        self._before, self._sent = signal.set_wakeup_fd(sent.fileno()), sent

        def watch() -> None:
            while number := received.recv(1):
                self._end(number[0])
            received.close()

        threading.Thread(target=watch, name="watch-signals", daemon=True).start()

    def stop(self) -> None:
        """Leave signals to their handlers."""
        signal.set_wakeup_fd(self._before)
        self._sent.close()  # ends the thread
