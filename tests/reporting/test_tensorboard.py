"""What TensorBoard gets of a run's result."""

from __future__ import annotations

import threading
from pathlib import Path

from matplotlib.figure import Figure
from pytorch_lightning.loggers import TensorBoardLogger

from lgg_seg.reporting.figures import write_png
from lgg_seg.reporting.tensorboard import publish_result
from lgg_seg.runs.folder import RunFolder


def test_hyper_parameters_stand_beside_the_tests_metrics_and_every_figure_is_there(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = RunFolder(tmp_path)
    with folder.writing("figures/roc_pr.png") as path:
        write_png(Figure(figsize=(2, 1)), path, 100)
    logger = TensorBoardLogger(str(tmp_path), name="", version="tensorboard", default_hp_metric=False)
    config = {"optimizer": {"_target_": "torch.optim.Adam", "lr": 0.01}, "trainer": {"precision": "auto"}, "seed": 3}
    metrics = {"patient/dice": {"mean": 0.8, "ci95": None}, "loss": 0.3, "lesion/f1": None}
    threads = threading.active_count()
    publish_result(logger, folder, config, {"split": "test", "metrics": metrics}, step=7)
    assert threading.active_count() == threads, "a sweep would gather one a run"
    events = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"images": 0})
    events.Reload()
    assert [event.value for event in events.Scalars("test/patient/dice")] == [0.800000011920929]
    (image,) = events.Images("figures/roc_pr")
    assert (image.step, image.width, image.height) == (7, 200, 100)
    assert image.encoded_image_string == (tmp_path / "figures/roc_pr.png").read_bytes()
    assert "test/lesion/f1" not in events.Tags()["scalars"]
    written = (tmp_path / "tensorboard" / "hparams.yaml").read_text(encoding="utf-8")
    assert "optimizer.lr: 0.01" in written
    assert "seed: 3" in written
    assert "_target_" not in written
