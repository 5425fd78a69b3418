"""`python -m lgg_seg.bench`: its steps are those of a run, its timing is fair, its record complete."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from lgg_seg import bench
from lgg_seg.errors import out_of_memory
from lgg_seg.hardware import Hardware
from lgg_seg.speed import steps
from lgg_seg.speed.steps import loading_step, prediction_step, random_batch, training_step
from lgg_seg.speed.timing import Step, apart, best_times
from tests.configs import composed

CPU = Hardware(torch.device("cpu"), "32-true", channels_last=False)
TINY = ["model=unet_slim", "size=32", "batch_size=2", "seconds=0.01", "threads=1", "device=cpu"]


class Bench:
    """Steps that take the seconds they are given."""

    def __init__(self) -> None:
        self.order = ""

    def step(self, name: str, *seconds: float) -> float:
        self.order += name
        return seconds[min(self.order.count(name), len(seconds)) - 1]


def test_steps_take_turns_and_the_best_time_of_each_counts() -> None:
    on = Bench()
    steps = [lambda: on.step("a", 0, 0, 3, 2, 4), lambda: on.step("b", 0, 0, 7, 5, 6)]
    assert best_times(steps, 0.0) == [2, 5]  # not the first two of either
    assert on.order == 5 * "ab"


def test_steps_that_take_long_are_repeated_twice() -> None:
    on = Bench()
    assert best_times([lambda: on.step("a", 0, 0, 3, 2), lambda: on.step("b", 0.1, 7, 5)], 0.0) == [2, 5]
    assert on.order == "aba" + 2 * "ab"


def test_steps_are_repeated_for_the_given_time() -> None:
    on = Bench()
    best_times([lambda: on.step("a", 0.0)], 0.05)
    assert len(on.order) > 100


def test_a_timed_training_step_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(torch.optim.AdamW, "step", _noting(torch.optim.AdamW.step, made))
    words = ["model=unetpp", "preprocess.size=32"]  # which has losses at several depths
    step = training_step(composed(*words), CPU)
    before = None
    for _ in range(2):
        step(random_batch(32, 2))
        weights = [p.detach().clone() for group in made[-1].param_groups for p in group["params"]]
        if before is not None:
            moved = [not torch.equal(old, new) for old, new in zip(before, weights, strict=True)]
            assert sum(moved) > 0.9 * len(moved)
        before = weights
    assert len(made) == 2


def _noting(method, made):  # type: ignore[no-untyped-def]  # a method of torch's
    def noted(self, *arguments):  # type: ignore[no-untyped-def]  # likewise
        made.append(self)
        return method(self, *arguments)

    return noted


def test_a_timed_prediction_gives_logits_of_every_slice() -> None:
    config = composed("model=unet_slim", "preprocess.size=32")
    for fold in (True, False):
        logits = prediction_step(config, CPU, batch_size=3, fold=fold)()
        assert isinstance(logits, torch.Tensor)
        assert (logits.shape, logits.device.type) == ((3, 1, 32, 32), "cpu")


def _steps(file: Path) -> dict[str, Step]:
    told = f"{os.getpid()} {torch.get_num_threads()}"
    return {
        "tell": lambda: file.write_text(told, encoding="utf-8"),
        "allocate": lambda: torch.empty(2**50),
        "die": lambda: os.kill(os.getpid(), signal.SIGKILL),
    }


def test_plain_is_timed_in_a_process_of_its_own_whose_lack_of_memory_is_told(tmp_path: Path) -> None:
    with apart(CPU, _steps, tmp_path / "process") as repeat:
        assert repeat("tell") < 1
        process, threads = map(int, (tmp_path / "process").read_text(encoding="utf-8").split())
        assert process != os.getpid()
        assert threads == torch.get_num_threads()
        for name in ("allocate", "die"):
            with pytest.raises((RuntimeError, MemoryError)) as raised:
                repeat(name)
            assert out_of_memory(raised.value)


@pytest.mark.parametrize("has_bf16", [True, False])
def test_the_roof_multiplies_in_bf16_where_that_is_not_emulated(
    has_bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    products: list[Any] = []

    def times(given: list[Any], _seconds: float) -> list[float]:
        products.extend(given)
        return [1.0] * len(given)

    monkeypatch.setattr(steps, "best_times", times)
    monkeypatch.setattr(steps, "has_bf16", lambda _device: has_bf16)
    assert steps.roof(Hardware(torch.device("cpu"), "bf16-mixed", channels_last=False), 0.0) == 2 * 2048**3
    assert len(products) == 1 + has_bf16


def test_loading_goes_on_after_the_last_batch(tmp_path: Path) -> None:
    words = ["data=phantom", "data.tree.patients=2", "data.tree.slices=4", "preprocess.size=16", "data.batch_size=4"]
    step = loading_step(composed(*words, "split.val=0", "split.test=0", "augment=none"), tmp_path)
    for _ in range(5):
        step()


def test_a_random_batch_is_one_that_a_module_takes() -> None:
    batch = random_batch(16, 2)
    assert batch["image"].dtype == torch.uint8
    assert batch["statistics"].shape == (2, 3, 4)
    assert set(batch["mask"].unique().tolist()) <= {0, 1}


def test_rates_are_printed_and_recorded_with_where_they_come_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "speed.json"
    assert bench.main([*TINY, "augment=none,strong", "precision=bf16-mixed", f"output={output}"]) == 0
    found = json.loads(output.read_text(encoding="utf-8"))
    [network] = found["networks"]
    assert network["model"] == "unet_slim"
    assert all(rate > 0 for kind in ("train", "predict", "predict_one") for rate in network[kind].values())
    assert network["cost"]["parameters"] == 1_942_577
    assert network["cost"]["latency_ms"] > 0
    assert set(found["fetched_by_one_process"]) == {"none", "strong"}
    assert (found["size"], found["batch_size"], found["precision"]) == (32, 2, "bf16-mixed")
    assert found["hardware"]["threads"] == 1
    assert found["versions"]["torch"]
    lines = [json.dumps(case) for case in bench.cases(found)]
    assert [json.loads(line)["case"] for line in lines] == ["train", "predict", "predict_one", "overhead", "protocol",
                                                           *2 * ["fetch"], *2 * ["start"], "roof"]  # fmt: skip
    assert 0 < json.loads(lines[0])["of_roof"] < 1
    rates = network["train"]
    assert f"(x {rates['ours'] / rates['plain']:.1f})" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=unet_slimm"], "did you mean unet_slim?"),
        (["augment=strnog"], "did you mean strong?"),
        (["model=classifier_resnet50"], "only networks that segment"),
        (["size=0"], "preprocess.size is 0; it must be 1 or more"),
        (["seconds=0"], "it must be a finite number above 0"),
        (["device=gpu"], "device=gpu is not on this machine"),
        (["output=speed.txt"], ".json"),
        (["output=there.json"], "nothing is overwritten"),
        (["output=there.json/speed.json"], "there.json/speed.json"),
    ],
)
def test_what_cannot_be_timed_is_refused_in_one_sentence(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if words == ["device=gpu"] and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    monkeypatch.chdir(tmp_path)
    Path("there.json").write_text("{}", encoding="utf-8")
    kept = [word for word in TINY if word.partition("=")[0] not in {one.partition("=")[0] for one in words}]
    assert bench.main([*kept, *words]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert error.startswith("error: ")
    assert message in error
    assert Path("there.json").read_text(encoding="utf-8") == "{}"
