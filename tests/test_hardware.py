"""What `auto` becomes on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import psutil
import pytest
import torch

from lgg_seg.app.__main__ import serve
from lgg_seg.bench import bench
from lgg_seg.cli.arguments import parse_arguments
from lgg_seg.config.resume import resume_arguments
from lgg_seg.config.validation import check_config
from lgg_seg.errors import UserError
from lgg_seg.evaluate import measure
from lgg_seg.export import export
from lgg_seg.hardware import Accelerator, Hardware, Precision, choose_hardware, configure_process, take_gpu
from lgg_seg.predict import predict
from lgg_seg.training.experiment import Experiment
from lgg_seg.training.trainer import TrainerSettings
from tests.configs import composed


def test_auto_chooses_what_is_there() -> None:
    hardware = choose_hardware("auto", "auto", channels_last=True)
    assert hardware.device.type == ("cuda" if torch.cuda.is_available() else hardware.device.type)
    assert hardware.precision in ("32-true", "bf16-mixed")
    assert hardware.memory_format is torch.channels_last


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the GPU that must be missing")
def test_a_gpu_that_is_not_there_is_refused_with_the_way_out() -> None:
    with pytest.raises(UserError, match="trainer=cpu"):
        choose_hardware("gpu", "auto", key="trainer.accelerator")


@pytest.mark.parametrize(
    ("capability", "bf16", "precision"),
    [
        ((8, 0), True, "bf16-mixed"),
        ((7, 5), False, "16-mixed"),
        ((7, 0), False, "16-mixed"),
        ((6, 1), False, "32-true"),
    ],
    ids=["A100", "T4", "V100", "GTX 1080"],
)
def test_a_gpu_trains_in_the_fastest_precision_of_its_hardware(
    capability: tuple[int, int], bf16: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16 or including_emulation)
    assert choose_hardware("gpu", "auto").precision == precision
    assert choose_hardware("cuda", "auto") == choose_hardware("gpu", "auto")


def test_every_command_takes_cuda_for_gpu() -> None:
    check_config(composed("trainer.accelerator=cuda"))
    assert resume_arguments(["resume=run", "device=cuda"]) == (Path("run"), "cuda", None, None)
    required = {"predict": ["output=masks"], "export": ["format=onnx"]}
    for function in (measure, predict, export, bench, serve):
        words = [*required.get(function.__name__, ()), "device=cuda"]
        assert parse_arguments(words, function)["device"] == "cuda"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the GPU that must be missing")
def test_a_run_of_another_machine_takes_the_device_that_is_here(caplog: pytest.LogCaptureFixture) -> None:
    settings = TrainerSettings(max_epochs=1, accelerator="gpu", precision="16-mixed")
    with pytest.raises(UserError, match="trainer=cpu"):
        settings.prepare()
    here = choose_hardware("auto", "auto")
    assert settings.prepare_again() == here
    assert "gpu, is not on this machine" in caplog.text
    assert settings.prepare_again("cpu").device.type == "cpu"
    exact = TrainerSettings(max_epochs=1, accelerator="gpu", precision="32-true")
    assert exact.prepare_again().precision == exact.prepare_again("cpu").precision == "32-true"
    assert TrainerSettings(max_epochs=1, accelerator="cpu", precision="32-true").prepare_again().precision == "32-true"


def test_a_run_of_a_cpu_goes_on_on_the_gpu_here_unless_its_bits_are_to_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for deterministic, device in ((False, "cuda"), (True, "cpu")):
        settings = TrainerSettings(max_epochs=1, accelerator="cpu", precision="32-true", deterministic=deterministic)
        assert settings.prepare_again().device.type == device
        assert settings.prepare_again("cpu").device.type == settings.prepare().device.type == "cpu"


@pytest.mark.parametrize(
    ("device", "accelerator", "here", "expected"),
    [
        ("cpu", "gpu", 0, (1, 8, "auto")),
        ("cuda", "gpu", 2, (2, 4, "ddp")),
        ("cuda", "cpu", 2, (2, 4, "ddp")),
        ("cuda", "auto", 1, (1, 8, "auto")),
        ("cuda", "gpu", 8, (4, 2, "ddp")),
        ("cpu", "cpu", 0, (4, 2, "ddp")),  # its four processes were the CPU's
        ("cpu", "auto", 0, (4, 2, "ddp")),
    ],
)
def test_a_run_of_four_gpus_makes_the_same_steps_on_fewer(
    device: str, accelerator: Accelerator, here: int, expected: tuple[int, int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: here)
    settings = TrainerSettings(
        max_epochs=1,
        accelerator=accelerator,
        devices=4,
        strategy="ddp",
        accumulate_grad_batches=2,
        val_check_interval=6,
    )
    settings.share_out(Hardware(torch.device(device), "32-true", channels_last=True))
    names = ("devices", "accumulate_grad_batches", "strategy")
    assert tuple(settings.lightning[name] for name in names) == expected
    assert settings.lightning["val_check_interval"] == 6 * 4 // expected[0], "of each process's own batches"


def test_gpus_that_cannot_share_the_batches_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    settings = TrainerSettings(max_epochs=1, accelerator="gpu", devices=4)
    with pytest.raises(UserError, match="trained on 4 devices, and 3 are here"):
        settings.share_out(Hardware(torch.device("cuda"), "32-true", channels_last=True))
    on_cpu = Hardware(torch.device("cpu"), "32-true", channels_last=True)
    with pytest.raises(UserError, match="each of 4 devices has a part, and 1 is here"):
        settings.share_out(on_cpu, mid_epoch=True)


@pytest.mark.parametrize(
    ("seen", "turns", "taken"), [(None, (0, 1, 2, 3), ["0", "1", "2", "0"]), ("4,6,7", (1, 3), ["6", "4"])]
)
def test_jobs_side_by_side_take_the_gpus_in_turn(
    seen: str | None, turns: tuple[int, ...], taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    found = []
    for turn in turns:
        with monkeypatch.context() as process:
            process.setenv("CUDA_VISIBLE_DEVICES", seen or "")
            take_gpu(turn)
            found.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert found == taken


@pytest.mark.parametrize(("precision", "fused"), [("16-mixed", False), ("bf16-mixed", True)])
def test_clipped_gradients_of_float16_get_an_optimizer_that_is_not_fused(
    precision: Literal["16-mixed", "bf16-mixed"], fused: bool
) -> None:
    experiment = Experiment.of(composed("model=unet_slim", "trainer.gradient_clip_val=1.0"))
    factory = experiment._optimizer(Hardware(torch.device("cpu"), precision, True))
    assert factory.keywords["fused"] is fused


@pytest.mark.parametrize(("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)])
def test_autocast_computes_in_the_precision_asked_for(precision: Precision, dtype: torch.dtype) -> None:
    hardware = choose_hardware("cpu", precision, channels_last=False)
    with hardware.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is dtype


def test_threads_are_those_asked_for() -> None:
    before = torch.get_num_threads()
    try:
        configure_process(threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_without_a_number_of_threads_a_workers_share_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """joblib says in OMP_NUM_THREADS how many of the cores each of its workers may have."""
    before = torch.get_num_threads()
    try:
        cores = psutil.cpu_count() or 1
        for said, expected in ((str(cores), cores), ("1000", cores), ("", None), ("0", None), ("all", None)):
            monkeypatch.setenv("OMP_NUM_THREADS", said)
            configure_process()
            assert torch.get_num_threads() == (expected or psutil.cpu_count(logical=False) or 1)
        monkeypatch.setenv("OMP_NUM_THREADS", str(cores))
        configure_process(threads=1)
        assert torch.get_num_threads() == 1, "what is asked for wins"
    finally:
        torch.set_num_threads(before)
