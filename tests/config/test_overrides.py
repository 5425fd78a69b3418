"""A mistyped key or value is refused with the nearest right one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import lgg_seg
from lgg_seg.config.overrides import check_overrides
from lgg_seg.config.resume import resume_arguments
from lgg_seg.errors import UserError
from tests.workplace import lgg


@pytest.mark.parametrize(
    ("override", "nearest"),
    [
        ("model=r2unte", "did you mean r2unet?"),
        ("modle=unet", "did you mean model?"),
        ("experiment=quik_cpu", "did you mean quick_cpu?"),
        ("model.filter=16", "did you mean model.filters?"),
        ("loss.dice_wieght=2", "did you mean loss.dice_weight?"),
        ("lr=1e-3", "did you mean optimizer.lr?"),
        ("batch_size=4", "did you mean data.batch_size?"),
        ("+trainer.max_epoch=3", "did you mean trainer.max_epochs?"),
        ("++trainer.max_epoch=3", "did you mean trainer.max_epochs?"),
        ("trainer.progress=false", "trainer.progress is called trainer.enable_progress_bar now"),
        ("trainer.limit_batches=1", "is called trainer.limit_train_batches and trainer.limit_val_batches now"),
        ("split.folds=3", "split.n_splits now"),
        ("+typo=1", "cannot be added"),
        ("+callbacks.lr_monitor=1", "callbacks.lr_monitor is no object"),
        ("+callbacks.saved={_target_:pytorch_lightning.callbacks.ModelCheckpoint}", "may not use there"),
        ("hydra.searchpath=[file:///nowhere/at/all]", "there is no such folder"),
        ("hydra.searchpath=conf", "is no list of folders"),
        ("+model.filters=16", "without the plus"),
        ("model.alpha=0.5", "it belongs to model=unet_slim."),
        ("+loss.gamma=2", "it belongs to loss=focal or loss=focal_tversky."),
        ("resum=runs/x", "did you mean resume?"),
        ("trainer.accelerator=gpus", "did you mean gpu?"),
        ("trainer.precision=bf16", "did you mean bf16-mixed?"),
        ("evaluation.threshold=validaton", "did you mean validation?"),
        ("trainer.max_epochs=ten", "must be a whole number"),
        ("trainer.max_epochs=2.5", "must be a whole number"),
        ("optimizer.lr=fast", "must be a number"),
        ("data.root=7", "must be text"),
        ("trainer.enable_progress_bar=1", "must be true or false"),
        ("data.root=???", "has no value yet"),
        ("seed=1,2", "put -m before it"),
        ("model._target_=os.system", "no such key"),
        ("model.filters=", "must be a whole number"),
        ("nonsense", "key=value"),
        ("img_size=64", "here it is preprocess.size."),
        ("imgsize=64", "here it is preprocess.size."),
        ("checkpoint=last.ckpt", "resume=RUN to go on"),
        ("ckpt_path=last.ckpt", "resume=RUN to go on"),
        ("gpu=0", "here it is device=gpu"),
        ("model=UNet", "did you mean unet?"),
        ("data.tree.root=here", "here it is data.root"),
        ("+data.tree.root=here", "here it is data.root"),
        ("optimizer.params=3", "choose from optimizer.fused"),  # and not: write +optimizer.params=3
        ("++optimizer.params=3", "cannot be added"),
        ("name=null", "name is null; it must be text"),
        ("seed=-1", "must be a whole number from 0 to 4294967295."),
        ("loss=null", "choose from bce"),
        ("~loss", "has no loss"),
        ("experiment=null", "leave it out"),
        ("logger=null", "logger=none"),
        ("callbacks=null", "callbacks=none"),
        ("callbacks.early_stopping=false", "callbacks.early_stopping=null switches one off"),
        ("logger.tensorboard=10", "logger.tensorboard=null switches one off"),
        ("trainer.fast_dev_run=true", "choose from trainer.accelerator"),
        ("trainer.benchmark=true", "write +trainer.benchmark=true"),
        ("trainer.max_steps=3", "write +trainer.max_steps=3"),  # and not: did you mean max_epochs?
        ("+trainer.fast_dev_run=true", "cannot be added"),
        ("+trainer.benchmark=3", "must be true or false"),
        ("sweep=learning_rate", "put -m before it"),
        ("sweep=lerning_rate", "put -m before it"),
        ("hydra/launcher=jobib", "did you mean joblib?"),
        ("hydra/lancher=joblib", "did you mean hydra/launcher?"),
        ("hydra.run.dri=elsewhere", "did you mean hydra.run.dir?"),
        ("hydra.mode=SOME", "Error merging override hydra.mode=SOME"),
        ("data.root=${nothing}", "Interpolation key 'nothing' not found"),
    ],
)
def test_a_mistake_is_refused_with_a_remedy(override: str, nearest: str) -> None:
    with pytest.raises(UserError) as refused:
        check_overrides([override], sweep=False)
    assert nearest in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "overrides",
    [
        ["model=r2unet", "loss=bce_dice"],
        ["split=kfold", "split.n_splits=3"],  # a key that only the chosen member has
        ["+trainer.benchmark=true", "++optimizer.eps=1e-7"],  # parameters that the config does not name
        ["model=smp", "+model.decoder_attention_type=scse"],  # an option that is handed on to the library
        ["split.val=20"],  # a count in place of a fraction
        ["optimizer.lr=1"],  # a whole number where a fraction is usual
        ["preprocess.size=null"],
        ["callbacks.early_stopping=null"],
        ["experiment=quick_cpu", "model=unet"],
        ["hydra.run.dir=elsewhere"],
        ["~sweep"],
        ["+callbacks.lr_monitor={_target_:pytorch_lightning.callbacks.LearningRateMonitor}"],
        ["+callbacks.timer._target_=pytorch_lightning.callbacks.Timer", "+callbacks.timer.duration=00:12:00:00"],
    ],
)
def test_valid_overrides_pass(overrides: list[str]) -> None:
    check_overrides(overrides, sweep=False)


@pytest.mark.parametrize("by_flag", [True, False])
def test_yaml_files_in_the_users_own_folder_are_members(by_flag: bool, tmp_path: Path) -> None:
    for group, text in (("experiment", "# @package _global_\nseed: 7\n"), ("sweep", "seed: 7\n")):
        (tmp_path / group).mkdir()
        (tmp_path / group / "mine.yaml").write_text(text, encoding="utf-8")
    folder = str(tmp_path) if by_flag else None
    words = [] if by_flag else [f"hydra.searchpath=[file://{tmp_path}]"]
    check_overrides(["experiment=mine", *words], sweep=False, config_dir=folder)
    check_overrides(["sweep=mine", *words], sweep=True, config_dir=folder)
    with pytest.raises(UserError, match="did you mean mine"):
        check_overrides(["experiment=mien", *words], sweep=False, config_dir=folder)


def test_a_sweep_takes_several_values_but_no_unknown_member() -> None:
    check_overrides(["model=unet,unet_bn", "seed=range(1,4)"], sweep=True)
    with pytest.raises(UserError, match="did you mean unet_bn"):
        check_overrides(["model=unet,unet_nb"], sweep=True)


@pytest.mark.parametrize(
    ("overrides", "nearest"),
    [
        (["sweep=lerning_rate"], "did you mean learning_rate?"),
        (["sweep=seeds,folds"], "one after the other"),
        (["sweep=learning_rate", "hydra.sweeper.n_trails=3"], "did you mean hydra.sweeper.n_trials?"),
        (["hydra/sweeper=optna"], "did you mean optuna?"),
        (["hydra/launcher=joblib", "hydra.launcher.n_job=3"], "did you mean hydra.launcher.n_jobs?"),
        (["model=interval(1,2)"], "name its members"),
        (["loss=glob(x*)"], "choose from bce"),
    ],
)
def test_a_mistake_in_a_sweep_is_refused_with_a_remedy(overrides: list[str], nearest: str) -> None:
    with pytest.raises(UserError) as refused:
        check_overrides(overrides, sweep=True)
    assert nearest in str(refused.value)


@pytest.mark.parametrize(
    "overrides",
    [
        ["loss=glob(*)", "seed=1,2"],
        ["sweep=folds", "split.n_splits=10"],  # a key that only the sweep's member has
        ["sweep=recipe", "optimizer.lr=tag(log,interval(1e-4,1e-3))", "hydra.sweeper.n_trials=5"],
        ["hydra/launcher=submitit_slurm", "hydra.launcher.partition=gpu", "+hydra.launcher.additional_parameters.x=1"],
        ["hydra/sweeper=optuna", "hydra.sweeper.pruner=null", "hydra.sweeper.storage='postgresql://host/db'"],
    ],
)
def test_a_valid_sweep_passes(overrides: list[str]) -> None:
    check_overrides(overrides, sweep=True)


def test_resume_takes_a_device_and_nothing_else() -> None:
    assert resume_arguments(["model=unet"]) is None
    assert resume_arguments(["resume=runs/a"]) == (Path("runs/a"), None, None, None)
    assert resume_arguments(["resume=runs/a", "epochs=7"]) == (Path("runs/a"), None, 7, None)
    assert resume_arguments(["resume=runs/a", "device=cpu"]) == (Path("runs/a"), "cpu", None, None)
    with pytest.raises(UserError, match="seed=2"):
        resume_arguments(["resume=runs/a", "seed=2"])
    with pytest.raises(UserError, match="take away trainer=cpu and say device=cpu, or"):
        resume_arguments(["resume=runs/a", "trainer=cpu"])
    with pytest.raises(UserError, match="twice"):
        resume_arguments(["resume=runs/a", "resume=runs/b"])
    with pytest.raises(UserError, match="needs the folder"):
        resume_arguments(["resume="])
    with pytest.raises(UserError, match="device is tpu"):
        resume_arguments(["resume=runs/a", "device=tpu"])


@pytest.mark.parametrize(
    ("flags", "printed"),
    [
        (["--cfg", "hydra", "-p", "hydra.sweeper"], "GridSweeper"),
        (["--cfg", "job", "loss=dice"], "lgg_seg.losses.Dice"),
        (["--info", "defaults"], "Defaults List"),
        (["--shell-completion", "install=bash"], "complete"),
        (["--version"], f"lgg_seg {lgg_seg.__version__}"),
        (["--config-dir", "FOLDER", "loss=mine", "--cfg", "job", "-p", "loss"], "gamma: 4.0"),
        (["--cfg", "job", "-p", "data", "data.root=~/kaggle_3m"], f"root: {Path.home()}/kaggle_3m"),
        (["--cfg", "hydra", "-p", "hydra.run", "hydra.run.dir=~/run"], f"dir: {Path.home()}/run"),
    ],
)
def test_hydras_flags_print_and_do_not_train(flags: list[str], printed: str, tmp_path: Path) -> None:
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "mine.yaml").write_text("_target_: lgg_seg.losses.Focal\ngamma: 4.0\n", encoding="utf-8")
    done = lgg((tmp_path, dict(os.environ)), *(str(tmp_path) if flag == "FOLDER" else flag for flag in flags))
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("arguments", [["--cfg", "job", "seed=1,2"], ["-m", "--cfg", "job", "seed=1"]])
def test_a_config_is_printed_of_one_run_only(arguments: list[str], tmp_path: Path) -> None:
    done = lgg((tmp_path, dict(os.environ)), *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["-p", "model"], "--cfg job"), (["--config-dir", "nowhere", "--cfg", "job"], "no such folder")],
)
def test_a_flag_that_shows_nothing_is_one_sentence(arguments: list[str], says: str, tmp_path: Path) -> None:
    done = lgg((tmp_path, dict(os.environ)), *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "override",
    ["~logger=-1", "~model=1.5", "name=${oc.env:NOPE}", "++name=${..name}", "name=${name}", "name=${seed.x}",
     "hydra.run.dir=${nope}", "hydra.run.dir=runs/${oc.env:NOPE}", "model.filters=${..a.b}"],
)  # fmt: skip
def test_an_override_that_cannot_be_resolved_is_refused_in_a_sentence(override: str) -> None:
    with pytest.raises(UserError):
        check_overrides([override], sweep=False)
