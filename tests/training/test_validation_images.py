"""The same few validation slices at the same epochs, whether the training went through or was resumed."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from torch import nn
from torch.optim import SGD

from lgg_seg import schedulers
from lgg_seg.data.datamodule import DataModule
from lgg_seg.losses import BCE
from lgg_seg.reporting.figures import panel_grid
from lgg_seg.runs.folder import RunFolder
from lgg_seg.training import SegmentationModule, ValidationImages
from lgg_seg.training.base import Parts
from lgg_seg.training.experiment import Experiment
from tests.configs import composed


@pytest.fixture(scope="module")
def data(phantom_root: Path) -> DataModule:
    overrides = ["preprocess.size=16", "augment=none", "split.val=4", "split.test=2"]
    module = Experiment.of(composed(*overrides)).existing_data(phantom_root)
    module.prepare_data()
    module.setup("fit")
    return module


def fit(data: DataModule, folder: Path, images: ValidationImages, epochs: int, limit: int | None = None) -> pl.Trainer:
    torch.manual_seed(0)
    network = nn.Conv2d(3, 1, 3, padding=1)
    module = SegmentationModule(Parts(network, BCE(), partial(SGD, lr=0.1), schedulers.none), patients=12)
    overrides = ["trainer=debug", "trainer.enable_progress_bar=false", f"trainer.max_epochs={epochs}"]
    limits = [f"trainer.limit_{subset}_batches={limit or 'null'}" for subset in ("train", "val")]
    settings = Experiment.of(composed(*overrides, *limits)).trainer
    board = TensorBoardLogger(str(folder), name="", version="tensorboard")
    trainer = settings.build(settings.prepare(), folder, [images], [board])
    trainer.fit(module, datamodule=data)
    return trainer


@pytest.fixture(scope="module")
def trained(data: DataModule, tmp_path_factory: pytest.TempPathFactory) -> tuple[ValidationImages, Path]:
    folder = tmp_path_factory.mktemp("run")
    images = ValidationImages(slices=3, every_epochs=2)
    fit(data, folder, images, epochs=4)
    return images, folder


def test_the_slices_have_most_tumour_of_patients_from_the_smallest_to_the_largest(
    trained: tuple[ValidationImages, Path], data: DataModule
) -> None:
    slices = [data.index.slices[i] for i in trained[0].chosen]
    most = {}
    for name in data.split.patients(data.index, "val"):
        patient = next(p for p in data.index.patients if p.name == name)
        most[name] = max(s.tumour_pixels for s in patient.slices)
    assert all(s.tumour_pixels == most[s.patient] for s in slices)
    pixels = [s.tumour_pixels for s in slices]
    assert pixels == sorted(pixels)
    assert (pixels[0], pixels[-1]) == (min(most.values()), max(most.values()))
    assert len({s.patient for s in slices}) == 3


def test_masks_are_kept_of_the_first_every_nth_and_the_last_epoch(
    trained: tuple[ValidationImages, Path],
) -> None:
    masks = trained[0].masks
    assert sorted(masks) == [0, 2, 3]
    for kept in masks.values():
        assert sorted(kept) == sorted(trained[0].chosen)
        assert all(mask.dtype == torch.bool and mask.shape == (64, 64) for mask in kept.values())


def test_the_figure_has_a_row_for_each_slice_and_a_column_for_each_epoch(
    trained: tuple[ValidationImages, Path], data: DataModule, tmp_path: Path
) -> None:
    trained[0].draw(RunFolder(tmp_path), data)
    assert (tmp_path / "figures" / "validation_slices.png").read_bytes().startswith(b"\x89PNG")
    (axes,) = panel_grid(trained[0]._rows(data, [0, 2, 3]), "").axes
    slices = [data.index.slices[slice_id] for slice_id in trained[0].chosen]
    rows = [[f"{one.patient} / {one.number}", "epoch 1", "epoch 3", "epoch 4"] for one in slices]
    assert [text.get_text() for text in axes.texts] == [text for row in rows for text in row]
    for image, slice_id in zip(axes.images[::3], trained[0].chosen, strict=True):
        assert np.array_equal(image.get_array(), data.flair(slice_id))


def test_tensorboard_gets_an_image_and_the_learning_rate_for_each_epoch(trained: tuple[ValidationImages, Path]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(trained[1] / "tensorboard"), size_guidance={"images": 0})
    events.Reload()
    pictures = events.Images("validation slices")
    assert len(pictures) == 3
    assert pictures[0].width > 2 * pictures[0].height > 400, "three slices side by side, large enough to see"
    assert [event.value for event in events.Scalars("lr")] == pytest.approx([0.1] * 4)
    numbers = {f"{subset}/{name}" for subset in ("train", "val") for name in ("loss", "dice", "iou", "recall")}
    assert numbers <= set(events.Tags()["scalars"])


def test_a_resumed_run_keeps_earlier_masks_which_load_without_running_code(
    trained: tuple[ValidationImages, Path],
) -> None:
    file = io.BytesIO()
    torch.save(trained[0].state_dict(), file)
    file.seek(0)
    resumed = ValidationImages(slices=3, every_epochs=2)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert resumed.masks.keys() == trained[0].masks.keys()
    assert all(
        torch.equal(mask, resumed.masks[e][i]) for e, kept in trained[0].masks.items() for i, mask in kept.items()
    )


def test_an_epoch_cut_short_shows_slices_that_were_validated(data: DataModule, tmp_path: Path) -> None:
    images = ValidationImages(slices=4, every_epochs=1)
    fit(data, tmp_path, images, epochs=1, limit=1)
    assert set(images.chosen) <= set(data.split.val[: data.batch_size])
    assert sorted(images.masks[0]) == sorted(images.chosen)


def test_a_run_without_masks_writes_no_figure(data: DataModule, tmp_path: Path) -> None:
    ValidationImages().draw(RunFolder(tmp_path), data)
    assert not list(tmp_path.iterdir())
