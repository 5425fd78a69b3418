"""How several things are timed fairly: in turns, the best of each, what is compared in a process of its own."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

import torch

from lgg_seg.hardware import Hardware

Step = Callable[[], object]
Timed = Callable[[], float]  # the seconds of one repetition

MIN_REPETITIONS = 3


def start_seconds(module: str) -> float:
    """Seconds of CPU until a command that is asked for its help has ended: the least of three starts."""
    words = [sys.executable, "-m", module, "--help"]
    took = []
    for _ in range(MIN_REPETITIONS):
        before = os.times()
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        took.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(took)


def best_times(steps: Sequence[Timed], seconds: float) -> list[float]:
    """The seconds of each step's fastest repetition, of three at least and for as many `seconds`.

    The steps take turns, so that other load slows all of them alike. Two repetitions before are not counted:
    compilation, allocation, choice of kernels. Where one alone takes longer than `seconds`, two must do, after one that
    is not counted.
    """
    slow = [step() > seconds for step in steps]
    for step, is_slow in zip(steps, slow, strict=True):
        if not is_slow:
            step()
    least = MIN_REPETITIONS - any(slow)
    times: list[list[float]] = [[] for _ in steps]
    started = time.perf_counter()
    while len(times[-1]) < least or time.perf_counter() - started < seconds * len(steps):
        for step, of_step in zip(steps, times, strict=True):
            of_step.append(step())
    return [min(of_step) for of_step in times]


def timed(step: Step, hardware: Hardware) -> Timed:
    """A repetition of the step, in seconds of its `clock`."""
    now = clock(hardware)

    def repeat() -> float:
        before = now()
        step()
        return now() - before

    return repeat


def clock(hardware: Hardware) -> Timed:
    """Seconds, once the device has done its work; of CPU where one thread works, as no other process lengthens them."""
    if hardware.device.type == "cpu":
        return time.process_time if torch.get_num_threads() == 1 else time.perf_counter

    def now() -> float:
        torch.accelerator.synchronize(hardware.device)
        return time.perf_counter()

    return now


@contextmanager
def apart(
    hardware: Hardware, make: Callable[..., Mapping[str, Step]], *arguments: object
) -> Iterator[Callable[[str], float]]:
    """The steps of `make(*arguments)`, by name, in a process of its own with as many threads as this one."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    given = (there, torch.get_num_threads(), hardware, make, *arguments)
    process = context.Process(target=_repeat_on_demand, args=given, daemon=True)
    process.start()
    there.close()

    def repeat(name: str) -> float:
        try:
            here.send(name)
            answer = here.recv()
        except (EOFError, ConnectionError) as error:
            raise MemoryError("the process of the plain network was killed") from error
        if isinstance(answer, Exception):
            raise answer
        return float(answer)

    try:
        yield repeat
    finally:
        here.close()
        process.terminate()
        process.join()


def _repeat_on_demand(
    pipe: Connection, threads: int, hardware: Hardware, make: Callable[..., Mapping[str, Step]], *arguments: object
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the other process, which ends this one
    torch.set_num_threads(threads)
    steps: dict[str, Timed] = {}
    with suppress(EOFError, ConnectionError):  # nobody asks any more
        while True:
            name = pipe.recv()
            try:
                steps = steps or {key: timed(step, hardware) for key, step in make(*arguments).items()}
                answer: float | Exception = steps[name]()
            except Exception as error:  # the other process tells it
                answer = error
            pipe.send(answer)
