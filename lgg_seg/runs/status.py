"""`status.json`: where a run stands, whatever becomes of it."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from filelock import FileLock, Timeout

from lgg_seg.errors import Busy, Pruned, UserError
from lgg_seg.runs.folder import RunFolder

log = logging.getLogger(__name__)


@contextmanager
def record_status(folder: RunFolder) -> Iterator[None]:
    """Keep `status.json` true whatever happens inside; SIGTERM ends the run as Ctrl-C does, with exit code 143."""

    def terminate(signum: int, _frame: Any) -> None:
        raise SystemExit(128 + signum)

    lock = _lock(folder)
    try:
        lock.acquire()
    except Timeout as error:
        raise Busy(f"{folder.path} is being written by another process; wait for it or stop it.") from error
    before = signal.signal(signal.SIGTERM, terminate)
    folder.set_status("running")
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as error:
        folder.set_status("interrupted", type(error).__name__)
        log.warning("interrupted; python -m lgg_seg resume=%s goes on", folder.display_path)
        raise
    except Pruned as error:
        folder.set_status("pruned", str(error))
        raise
    except BaseException as error:
        if out_of_memory(error):
            folder.set_status("failed", "out of memory")
            raise UserError(
                "The device ran out of memory; try a smaller data.batch_size (with trainer.accumulate_grad_batches to "
                "make up for it), a smaller preprocess.size or a smaller network."
            ) from error
        folder.set_status("failed", f"{type(error).__name__}: {error}")
        raise
    else:
        folder.set_status("finished")
    finally:
        signal.signal(signal.SIGTERM, before)
        lock.release()


def is_being_written(folder: RunFolder) -> bool:
    """Whether a process that is still alive is writing this run."""
    lock = _lock(folder)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    return False


def _lock(folder: RunFolder) -> FileLock:
    return FileLock(folder.path / ".lock", blocking=False)


def out_of_memory(error: BaseException) -> bool:
    """Whether that is what an error says."""
    # On a CPU torch has no class of its own for it.
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator" in str(error)
