"""What the runs recorded of their code and machine, and warnings where it differs."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from lgg_seg.comparison.runs import Run
from lgg_seg.messages import counted

UNKNOWN = "not recorded"


def commit(run: Run) -> str:
    """Seven digits, and whether files differed from it."""
    code = run.provenance.get("code", {})
    if not code.get("commit"):
        return UNKNOWN
    return f"{code['commit'][:7]}{' + changes' if code.get('dirty') else ''}"


def hardware(run: Run) -> str:
    """The GPU, or the processor; of a run that was resumed elsewhere, one after the other."""
    machines = [stage.get("hardware", {}) for stage in _stages(run)]
    return _in_turn([one.get("gpu") or one.get("processor") or one.get("device") or UNKNOWN for one in machines])


def precision(run: Run) -> str:
    """The precision of the arithmetic, or several as of `hardware`."""
    return _in_turn([stage.get("precision", UNKNOWN) for stage in _stages(run)])


def _stages(run: Run) -> list[dict[str, Any]]:
    """What the run recorded of its machine when it began, and whenever it was resumed on another."""
    return [run.provenance, *run.provenance.get("resumed_on", [])]


def _in_turn(values: Sequence[object]) -> str:
    return ", then ".join(dict.fromkeys(map(str, values)))


def ended(run: Run) -> str:
    return run.updated[:10] or UNKNOWN


def warnings(runs: Sequence[Run]) -> list[str]:
    """What is not the same for all runs though it may move a number, and code that no commit holds."""
    texts = []
    codes = Counter(commit(run).partition(" ")[0] if commit(run) != UNKNOWN else UNKNOWN for run in runs)
    if len(codes) > 1:
        texts.append(f"The runs come from different code: {_counted(codes)}.")
    changed = sum(bool(run.provenance.get("code", {}).get("dirty")) for run in runs)
    if changed:
        texts.append(
            f"{_of(changed, len(runs))} made by code with changes that no commit holds, and cannot be made again from "
            "a commit alone."
        )
    if runs and codes.get(UNKNOWN) == len(runs):
        texts.append("No run recorded the commit of its code.")
    texts += [
        times_apart(runs),
        _differing("The runs were computed in different precisions", runs, precision),
        _differing("The runs come from different releases of PyTorch", runs, _torch),
    ]
    return list(filter(None, texts))


def times_apart(runs: Sequence[Run]) -> str:
    """A sentence where the times of the runs are not to be compared; empty if they come from one machine."""
    return _differing("The runs come from different hardware, so their times cannot be compared", runs, hardware)


def _differing(text: str, runs: Sequence[Run], of_run: Callable[[Run], str]) -> str:
    values = Counter(map(of_run, runs))
    return f"{text}: {_counted(values)}." if len(values) > 1 else ""


def _torch(run: Run) -> str:
    return str(run.provenance.get("versions", {}).get("torch", UNKNOWN))


def _counted(values: Counter[str]) -> str:
    ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} ({counted(count, 'run')})" for name, count in ordered)


def _of(part: int, whole: int) -> str:
    if part == whole:
        return "Every run was" if whole > 1 else "The run was"
    return f"{part} of {whole} runs {'was' if part == 1 else 'were'}"
