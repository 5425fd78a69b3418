"""What `auto` becomes on this machine."""

from __future__ import annotations

import psutil
import pytest
import torch

from lgg_seg.errors import UserError
from lgg_seg.hardware import Precision, choose_hardware, configure_process


def test_auto_chooses_what_is_there() -> None:
    hardware = choose_hardware("auto", "auto", channels_last=True)
    assert hardware.device.type == ("cuda" if torch.cuda.is_available() else hardware.device.type)
    assert hardware.precision in ("32-true", "bf16-mixed")
    assert hardware.memory_format is torch.channels_last


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the GPU that must be missing")
def test_a_gpu_that_is_not_there_is_refused_with_the_way_out() -> None:
    with pytest.raises(UserError, match="trainer=cpu"):
        choose_hardware("gpu", "auto", key="trainer.accelerator")


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
        for said, expected in (("3", 3), ("", None), ("0", None), ("all", None)):
            monkeypatch.setenv("OMP_NUM_THREADS", said)
            configure_process()
            assert torch.get_num_threads() == (expected or psutil.cpu_count(logical=False) or 1)
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        configure_process(threads=1)
        assert torch.get_num_threads() == 1, "what is asked for wins"
    finally:
        torch.set_num_threads(before)
