"""Objects from a config come from the allow-list alone."""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from torch import nn

from lgg_seg.config.instantiate import instantiate, own_packages, resolve_target
from lgg_seg.config.validation import takes_options
from lgg_seg.errors import UserError
from lgg_seg.evaluate import measure
from lgg_seg.inference.trained import from_run


@pytest.mark.parametrize(
    ("key", "target"),
    [
        ("model", "os.system"),
        ("model", "builtins.eval"),
        ("model", "torch.load"),
        ("model", "torch.hub.load"),
        ("loss", "lgg_seg.losses.nn"),  # a module reached through one of ours
        ("model", "lgg_seg.networks.unet.Tensor"),  # a class of another package reached through one of ours
        ("model", "UNet"),
        ("model", "lgg_seg.networks"),
        ("model", 7),
        ("loss", "lgg_seg.losses.Tensor"),
        ("loss", "lgg_seg.losses._float32"),
        ("loss", "lgg_seg.networks.UNet"),  # of another group
        ("loss", "pytorch_lightning.loggers.csv_logs.ExperimentWriter"),  # removes its folder's metrics.csv
        ("data.tree", "lgg_seg.data.cache.NpyWriter"),  # empties the file that it is given
        ("data.tree", "lgg_seg.data.DataModule"),
        ("augment", "albumentations"),
        ("augment.transforms[0]", "albumentations.core.serialization.save"),
        ("callbacks.one", "pytorch_lightning.callbacks.ModelCheckpoint"),
        ("callbacks.one", "pytorch_lightning.callbacks.SpikeDetection"),  # writes the file that it is given
        ("logger.csv", "pytorch_lightning.loggers.CSVLogger"),
        ("optimizer", "torch.optim.functional"),
        ("no_group", "lgg_seg.networks.UNet"),
    ],
)
def test_a_target_that_is_not_on_its_groups_list_is_refused(key: str, target: object) -> None:
    with pytest.raises(
        UserError, match=r"^" + key.replace("[", r"\[") + r"\._target_ is .* a config may not use there"
    ):
        resolve_target(target, key)


@pytest.mark.parametrize(
    ("key", "target"),
    [
        ("augment.transforms[0].transforms[1]", "albumentations.GaussNoise"),
        ("callbacks.early_stopping", "pytorch_lightning.callbacks.EarlyStopping"),
        ("optimizer", "torch.optim.NAdam"),
        ("scheduler", "lgg_seg.schedulers.cosine"),
    ],
)
def test_a_public_name_of_its_groups_packages_is_found(key: str, target: str) -> None:
    assert resolve_target(target, key).__name__ == target.rpartition(".")[2]


PACKAGE = """
from os import getcwd
from torch import nn
class Net(nn.Conv2d):
    def __init__(self, in_channels=3, out_channels=1, **options):
        super().__init__(in_channels, out_channels, 1, **options)
def schedule(): ...
"""


def test_a_package_of_the_users_own_is_taken_where_the_environment_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "__init__.py").write_text(PACKAGE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"from a package of your own that \$LGG_SEG_PACKAGES names"):
        resolve_target("theirs.Net", "model")
    monkeypatch.setenv("LGG_SEG_PACKAGES", "theirs, other")
    assert takes_options(resolve_target("theirs.Net", "model"))
    assert resolve_target("theirs.schedule", "scheduler").__name__ == "schedule"
    for target in ("theirs.getcwd", "theirs.nn", "theirs_too.Net", "os.getcwd"):
        with pytest.raises(UserError, match="may not use there"):
            resolve_target(target, "model")
    with pytest.raises(UserError, match="no key of this group is built"):
        resolve_target("theirs.Net", "no_group")
    with pytest.raises(UserError, match=r"model cannot be built: .*unexpected keyword argument 'in_planes'"):
        instantiate({"_target_": "theirs.Net"}, "model", in_planes=3)


def test_an_installed_package_can_name_itself_by_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs-1.0.dist-info").mkdir()
    (tmp_path / "theirs-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n", encoding="utf-8"
    )
    (tmp_path / "theirs-1.0.dist-info" / "entry_points.txt").write_text(
        "[lgg_seg.packages]\ntheirs = theirs\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert own_packages() == ("theirs",)


def test_a_config_from_elsewhere_removes_no_file(trained_run: Path, tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("mine", encoding="utf-8")
    run = shutil.copytree(trained_run, tmp_path / "run")
    config = OmegaConf.load(run / "config.yaml")
    config.loss = {"_target_": "pytorch_lightning.loggers.csv_logs.ExperimentWriter", "log_dir": str(tmp_path)}
    OmegaConf.save(config, run / "config.yaml")
    with pytest.raises(UserError, match=r"loss\._target_"):
        measure(run)
    assert (tmp_path / "metrics.csv").read_text(encoding="utf-8") == "mine"


ESCAPED = r"{oc.create:{_target_:builtins.open,file:FILE,mode:w}}"  # Hydra would build it once it is resolved


@pytest.mark.parametrize("slashes", ["", "\\", "\\" * 3])
def test_a_text_of_a_config_from_elsewhere_becomes_no_target(slashes: str, trained_run: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("mine", encoding="utf-8")
    text = f"{slashes}${ESCAPED}".replace("FILE", str(kept))
    run = shutil.copytree(trained_run, tmp_path / "run")
    config = (run / "config.yaml").read_text(encoding="utf-8")
    assert "normalisation: " in config
    (run / "config.yaml").write_text(
        re.sub("normalisation: .*", lambda _: f"normalisation: '{text}'", config), encoding="utf-8"
    )
    for read in (partial(measure, run), partial(from_run, run)):
        with pytest.raises(UserError, match=r"config\.yaml has an interpolation"):
            read()
    with pytest.raises(UserError, match="interpolation"):  # as of a zoo's card
        instantiate({"_target_": "lgg_seg.data.Preprocess", "normalisation": text}, "preprocess")
    assert kept.read_text(encoding="utf-8") == "mine"


def test_a_nested_target_is_refused_before_anything_is_built() -> None:
    node = {
        "_target_": "lgg_seg.data.Augmentation",
        "transforms": [{"_target_": "albumentations.OneOf", "transforms": [{"_target_": "os.getcwd"}]}],
    }
    with pytest.raises(UserError, match=r"augment\.transforms\[0\]\.transforms\[0\]"):
        instantiate(node, "augment")


@pytest.mark.parametrize("key", ["_args_", "_recursive_", "_convert_"])
def test_hydra_keys_other_than_target_and_partial_are_refused(key: str) -> None:
    with pytest.raises(UserError, match=key):
        instantiate({"_target_": "lgg_seg.losses.BCE", key: []}, "loss")


def test_arguments_from_code_are_passed_unchanged() -> None:
    built = instantiate({"_target_": "torch.optim.SGD", "lr": 0.5}, "optimizer", params=nn.Linear(2, 2).parameters())
    assert built.param_groups[0]["lr"] == 0.5
    assert len(built.param_groups[0]["params"]) == 2


def test_a_key_that_the_program_sets_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.in_features is set by the program"):
        instantiate({"_target_": "lgg_seg.networks.SlimUNet", "in_features": 3}, "model", in_features=4)
