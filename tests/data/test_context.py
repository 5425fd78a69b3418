"""Context (2.5D): the slices above and below as channels, the same in training, evaluation and prediction."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lgg_seg.data.datamodule import DataModule
from lgg_seg.data.preprocessing import Preprocess, as_channels, neighbours
from lgg_seg.training.experiment import Experiment
from tests.configs import composed


def test_neighbours_stay_within_their_volume_and_a_volumes_end_stands_in() -> None:
    volume_of = np.array([0, 0, 0, 4, 5, 5])
    assert neighbours(volume_of, 0).tolist() == [[0], [1], [2], [3], [4], [5]]
    assert neighbours(volume_of, 1).tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 2], [3, 3, 3], [4, 4, 5], [4, 5, 5]]
    assert neighbours(volume_of, 2)[0].tolist() == [0, 0, 0, 1, 2]


def test_channels_are_one_slices_after_anothers() -> None:
    images = np.arange(2 * 3 * 4 * 4 * 2, dtype=np.uint8).reshape(2, 3, 4, 4, 2)
    channels = as_channels(images)
    assert channels.shape == (2, 6, 4, 4)
    for k in range(3):
        for c in range(2):
            assert np.array_equal(channels[1, 2 * k + c], images[1, k, ..., c])


@pytest.fixture
def data(phantom_root: Path) -> DataModule:
    words = ["preprocess.size=32", "preprocess.context=1", "split.val=3", "split.test=4", "augment=none"]
    module = Experiment.of(composed(*words)).existing_data(phantom_root)
    module.prepare_data()
    module.setup("test")
    return module


def test_training_evaluation_and_prediction_see_the_same_nine_channels(data: DataModule) -> None:
    batch = next(iter(data.val_dataloader()))
    volume = next(iter(data.volumes("val")))
    count = min(len(volume.images), len(batch["image"]))
    assert data.preprocess.channel_count == volume.images.shape[1] == 9
    assert torch.equal(batch["image"][:count], volume.images[:count])
    assert torch.equal(batch["statistics"][0], volume.statistics)
    native = np.stack([data.index.slices[i].read_image() for i in volume.slices])
    prepared = data.preprocess.prepare_volume(native)
    images, statistics, _ = data.preprocess.network_input(native)
    assert torch.equal(images, volume.images)
    assert torch.equal(statistics, volume.statistics)
    for channel in range(9):
        assert np.array_equal(statistics[channel], prepared.statistics[channel % 3])
    assert len(np.unique(prepared.statistics, axis=0)) == 3, "or their order would not matter"
    assert torch.equal(images[1, 3:6], images[0, 6:9])
    assert torch.equal(images[0, 0:3], images[0, 3:6]), "the first slice stands in for the one above it"


def test_context_needs_no_cache_of_its_own() -> None:
    assert Preprocess(context=1).cache_key == Preprocess().cache_key
    assert "context" not in Preprocess().cache_key
