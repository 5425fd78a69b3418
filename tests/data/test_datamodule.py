"""The data module: from files to batches that are the same however many workers and whatever came before."""

import functools
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from pytorch_lightning.callbacks import ModelCheckpoint

from lgg_seg.data.augmentation import Augmentation
from lgg_seg.data.datamodule import DataModule
from lgg_seg.data.kaggle.download import ensure_tree
from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.data.preprocessing import Preprocess
from lgg_seg.data.sampling import Uniform
from lgg_seg.data.splits import AllPatients, PatientSplit
from lgg_seg.errors import UserError
from tests.data.recorder import Recorder

CONF = Path(__file__).parents[2] / "conf"


def member(name: str) -> Augmentation:
    augmentation = instantiate(OmegaConf.load(CONF / "augment" / f"{name}.yaml"), _convert_="all")
    assert isinstance(augmentation, Augmentation)
    return augmentation


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return write_phantom(tmp_path_factory.mktemp("datamodule") / "root", patients=8, slices=5, size=32)


@pytest.fixture
def make(root):
    def make(**changed) -> DataModule:
        settings = {
            "tree": ensure_tree,
            "batch_size": 4,
            "workers": 0,
            "cache_dir": str(root.parent / "cache"),
            "split": PatientSplit(),
            "preprocess": Preprocess(size=48),
            "augment": member("strong"),
            "sampler": Uniform(),
            "seed": 1,
        }
        data = DataModule(str(root), **{**settings, **changed})
        data.setup()
        return data

    return make


def test_an_item_is_uint8_with_the_statistics_of_its_volume(make):
    data = make(augment=member("hflip"))
    batch = next(iter(data.train_dataloader()))
    assert batch["image"].shape == (4, 3, 48, 48)
    assert batch["mask"].shape == (4, 1, 48, 48)
    assert batch["image"].dtype == batch["mask"].dtype == torch.uint8
    assert batch["statistics"].shape == (4, 3, 4)
    for k in range(4):
        patient = data.index.patients[batch["patient"][k]]
        assert data.index.slices[batch["slice"][k]] in patient.slices
        np.testing.assert_array_equal(batch["statistics"][k], data.cache.statistics[batch["patient"][k]])


def test_workers_and_order_change_no_item(make):
    one, two = make(workers=0), make(workers=2)
    for epoch in range(2):
        for loader in (direct := one.train_dataloader(), parallel := two.train_dataloader()):
            loader.sampler.set_epoch(epoch)
        for mine, theirs in zip(direct, parallel, strict=True):
            for key in mine:
                torch.testing.assert_close(mine[key], theirs[key], rtol=0, atol=0)
    loader = one.train_dataloader()
    draws = loader.sampler.keys_of(0)
    there = {draw: loader.dataset[draw]["image"] for draw in draws}
    for draw in reversed(draws):
        assert torch.equal(loader.dataset[draw]["image"], there[draw])


def test_loading_leaves_the_global_generator_alone(make):
    data = make()
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    list(data.train_dataloader())
    assert torch.rand(1) == expected


def test_training_batches_are_full_and_validation_is_complete_and_in_order(make):
    data = make(batch_size=7)
    assert len(data.split.train) == 30
    assert [len(b["slice"]) for b in data.train_dataloader()] == [7] * 4
    assert torch.cat([b["slice"] for b in data.val_dataloader()]).tolist() == list(data.split.val)
    assert [len(b["slice"]) for b in make(batch_size=64).train_dataloader()] == [30]


def test_validation_slices_are_as_cached(make):
    data = make()
    for batch in data.val_dataloader():
        expected = data.cache.images[batch["slice"].numpy()].transpose(0, 3, 1, 2)
        np.testing.assert_array_equal(batch["image"], expected)


@pytest.mark.parametrize("subset", ["val", "test", "all"])
def test_volumes_are_whole_patients_with_the_truth_from_their_files(make, subset):
    data = make()
    volumes = list(data.volumes(subset))
    names = [p.name for p in data.index.patients] if subset == "all" else list(data.split.patients(data.index, subset))
    assert [v.patient for v in volumes] == names
    for volume in volumes:
        assert volume.numbers == (1, 2, 3, 4, 5)
        assert volume.images.shape == (5, 3, 48, 48)
        assert volume.grid.native == (32, 32)
        np.testing.assert_array_equal(volume.truth, [data.index.slices[i].read_mask() for i in volume.slices])
        np.testing.assert_array_equal(volume.masks[:, 0], volume.grid.masks_to_network(volume.truth))


def test_a_network_grid_mask_comes_back_to_the_native_one_of_its_slice(make):
    data = make()
    for batch in data.val_dataloader():
        ids = batch["slice"].tolist()
        native = data.to_native(batch["mask"][:, 0].float(), ids)
        agreement = [np.mean((n >= 0.5).numpy() == t) for n, t in zip(native, data.native_masks(ids), strict=True)]
        assert min(agreement) > 0.99


def test_a_learning_curve_changes_the_training_patients_alone(make):
    whole, few = make(), make(train_patients=2)
    assert len(few.split.patients(few.index, "train")) == 2
    assert few.split.test == whole.split.test
    assert few.split.hash != whole.split.hash


def test_another_data_set_has_volumes_but_nothing_to_train_on(make):
    data = make(split=AllPatients())
    assert len(list(data.volumes("test"))) == 8
    with pytest.raises(UserError, match="nothing"):
        data.train_dataloader()


@pytest.mark.parametrize(("key", "value"), [("batch_size", 0), ("workers", -1)])
def test_a_value_out_of_range_is_refused_by_its_key(make, key, value):
    with pytest.raises(UserError, match=rf"data\.{key}"):
        make(**{key: value})


def test_the_phantom_is_written_where_it_is_asked_for_and_nowhere_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tree = OmegaConf.load(CONF / "data" / "phantom.yaml").tree
    write = instantiate(tree, patients=4, slices=4, size=32)
    make = functools.partial(DataModule, "data/phantom", write, cache_dir="cache", workers=0)
    data = make(split=PatientSplit(), preprocess=Preprocess(size=32), augment=member("none"), sampler=Uniform(), seed=0)
    assert not (tmp_path / "data").exists()
    data.setup()
    assert (tmp_path / "data" / "phantom").is_dir()
    assert len(data.index.patients) == 4


# Within the first epoch, at its end, within the second, at its end; seven batches are an epoch.
@pytest.mark.parametrize(("step", "workers"), [(3, 0), (7, 0), (9, 0), (9, 1), (14, 0)])
def test_a_resumed_run_sees_the_slices_of_an_uninterrupted_one(make, tmp_path, step, workers):
    def trainer(**settings) -> pl.Trainer:
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
        return pl.Trainer(max_epochs=3, default_root_dir=tmp_path, **quiet, **settings)

    every = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=1, save_top_k=-1)
    through, resumed = Recorder(), Recorder()
    trainer(callbacks=[every]).fit(through, datamodule=make(workers=workers))
    trainer(enable_checkpointing=False).fit(
        resumed, datamodule=make(workers=workers), ckpt_path=tmp_path / f"step={step}.ckpt"
    )
    assert len(through.seen) == 21
    assert resumed.seen == through.seen[step:]


@pytest.mark.parametrize("after_training", [True, False])
def test_a_run_resumed_between_epochs_sees_the_slices_of_an_uninterrupted_one(make, tmp_path, after_training):
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    each = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=after_training)
    through, resumed = Recorder(), Recorder()
    pl.Trainer(max_epochs=3, callbacks=[each], **quiet).fit(through, datamodule=make())
    pl.Trainer(max_epochs=3, enable_checkpointing=False, **quiet).fit(
        resumed, datamodule=make(), ckpt_path=tmp_path / "epoch=1.ckpt"
    )
    assert resumed.seen == through.seen[14:]
