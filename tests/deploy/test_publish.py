"""A zoo entry of a run: size, parity, model card, and refusals."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import lgg_seg
from lgg_seg.deploy import publish as adding
from lgg_seg.deploy.model_card import data_facts
from lgg_seg.deploy.publish import add
from lgg_seg.errors import UserError
from lgg_seg.export import export
from lgg_seg.inference.trained import from_run, from_zoo
from lgg_seg.predict import main as predict
from lgg_seg.runs.folder import RunFolder
from lgg_seg.scans.discover import find_scans
from lgg_seg.zoo.__main__ import main as zoo


@pytest.fixture(scope="module")
def entry(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return add(trained_run, "tiny", tmp_path_factory.mktemp("models"), None)


def copied(run: Path, place: Path) -> Path:
    shutil.copytree(run, place / "run")
    return place / "run"


def change_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_an_entry_predicts_what_its_run_does(entry: Path, trained_run: Path, phantom_root: Path) -> None:
    volume = find_scans(phantom_root).volumes[0].read(phantom_root).images
    ours = lgg_seg.load(entry, device="cpu", precision="32-true").predict(volume)
    theirs = lgg_seg.load(trained_run, device="cpu", precision="32-true").predict(volume)
    assert theirs.std() > 0.01
    assert np.abs(ours - theirs).max() < 0.02


def test_weights_are_halved_and_tensors_with_one_value_a_channel_are_not(entry: Path, trained_run: Path) -> None:
    whole, halved = from_run(trained_run).network.state_dict(), load_file(entry / "weights.safetensors")
    assert halved.keys() == whole.keys()
    for name, value in whole.items():
        assert halved[name].dtype == (torch.float16 if value.ndim > 1 else value.dtype)
        assert torch.allclose(halved[name].float(), value.float(), rtol=2**-10, atol=2**-24), name
    size = (entry / "weights.safetensors").stat().st_size
    assert size < 2.2 * sum(value.numel() for value in whole.values())


def test_the_card_holds_what_a_reader_must_know(entry: Path, trained_run: Path) -> None:
    card, run = json.loads((entry / "card.json").read_text(encoding="utf-8")), RunFolder(trained_run)
    split = run.read_json("provenance.json")["split"]
    assert card["training"]["split"] == split
    assert card["metrics"] == run.read_json("metrics.json")["metrics"]
    assert len(card["metrics"]["patient/dice"]["ci95"]) == 2
    assert card["weights"]["sha256"] == hashlib.sha256((entry / "weights.safetensors").read_bytes()).hexdigest()
    assert card["half_precision"]["positive"] > 0
    assert "drawn heads" in card["limits"][0]
    page = (entry / "README.md").read_text(encoding="utf-8")
    for expected in (*split["train"], *split["val"], "95 % interval", "patient/dice", card["licence"], *card["limits"]):
        assert expected in page


def test_the_card_holds_no_local_path(entry: Path, trained_run: Path) -> None:
    for text in ((entry / "card.json").read_text(encoding="utf-8"), (entry / "README.md").read_text(encoding="utf-8")):
        assert str(Path.home()) not in text
        assert str(trained_run.parent) not in text


@pytest.mark.parametrize(
    ("word", "dropped"),
    [("data.root=/home/x", True), ("data.root='~/x'", True), ("data.root=C:\\x", True), ("data.root=data/x", False),
     ("optimizer.lr=1e-3", False)],
)  # fmt: skip
def test_local_paths_are_left_out_of_the_cards_command(
    trained_run: Path, tmp_path: Path, word: str, dropped: bool
) -> None:
    run = copied(trained_run, tmp_path)
    change_json(run / "provenance.json", command=["python", "-m", "lgg_seg", word])
    card = json.loads((add(run, "tiny", tmp_path, None) / "card.json").read_text(encoding="utf-8"))
    assert (word not in card["training"]["command"]) == dropped


def test_the_card_says_where_nobody_knows_whom_the_starting_weights_have_seen(
    trained_run: Path, tmp_path: Path
) -> None:
    run = copied(trained_run, tmp_path)
    started = {"source": "unet.pt", "patients": {}, "recorded": False, "seen": {"val": [], "test": []}}
    change_json(run / "provenance.json", starting_weights=started)
    page = (add(run, "tiny", tmp_path, None) / "README.md").read_text(encoding="utf-8")
    assert "started from (`unet.pt`) had seen is not recorded" in page


def test_patients_of_the_dataset_bring_its_licence_and_limits() -> None:
    split = {"train": {"TCGA_CS_4942_19970222": "a"}, "val": {}, "test": {"TCGA_EZ_7264_20010816": "b"}}
    sizes = {"tumour_size": {"small": {"dice": 0.6, "patients": 3}, "large": {"dice": 0.9, "patients": 3}}}
    facts = data_facts(split, {"strata": sizes})
    assert "CC BY-NC-SA 4.0" in facts["licence"]
    assert facts["limits"][-1] == "Weakest on small tumours: mean Dice 0.600 over 3 patients."
    assert any("medical device" in limit for limit in facts["limits"])
    assert "terms of the data" in data_facts({"train": {"me": "c"}, "val": {}, "test": {}}, {})["licence"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: change_json(run / "status.json", state="interrupted"), "interrupted, not finished"),
        (lambda run: change_json(run / "metrics.json", truncated=True), "a few patients only"),
        (lambda run: change_json(run / "metrics.json", split="val"), "measured on its val patients"),
        (lambda run: change_json(run / "metrics.json", protocol="slice_random (leaky)"), "numbers mean nothing"),
        (lambda run: (run / "metrics.json").unlink(), "metrics.json is missing"),
    ],
)
def test_a_run_that_was_not_finished_or_tested_whole_gets_no_entry(
    trained_run: Path, tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    run = copied(trained_run, tmp_path)
    spoil(run)
    with pytest.raises(UserError, match=message):
        add(run, "tiny", tmp_path / "models", None)
    assert not (tmp_path / "models").exists()


def test_too_large_weights_are_refused_with_their_size(
    trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adding, "MAX_BYTES", 100_000)
    with pytest.raises(UserError, match=r"take \d\.\d MB"):
        add(trained_run, "tiny", tmp_path, None)


def test_weights_that_half_precision_changes_are_refused(trained_run: Path, tmp_path: Path) -> None:
    """Above 65504, float16 is infinite."""
    run = copied(trained_run, tmp_path)
    checkpoint = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    state = checkpoint["state_dict"]
    head = next(name for name in state if name.endswith("head.weight"))
    state[head] *= 1e8
    torch.save(checkpoint, run / "checkpoints" / "best.ckpt")
    with pytest.raises(UserError, match="which is too many"):
        add(run, "tiny", tmp_path, None)


@pytest.mark.parametrize("name", ["Tiny", "../tiny", "", "1tiny"])
def test_an_invalid_entry_name_is_refused(trained_run: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="is no valid name"):
        add(trained_run, name, tmp_path, None)


def test_an_entry_is_not_overwritten(entry: Path, trained_run: Path) -> None:
    with pytest.raises(UserError, match="is there already"):
        add(trained_run, entry.name, entry.parent, None)


def test_the_command_makes_an_entry_that_predict_and_export_take(
    trained_run: Path, phantom_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert zoo(["add", f"run={trained_run}", "name=by_hand", f"models={tmp_path}"]) == 0
    assert "positive decisions" in capsys.readouterr().out
    made = tmp_path / "by_hand"
    folder, _ = export("onnx", zoo=str(made))
    assert tmp_path not in folder.parents, "an entry's own folder may be read-only"
    patient = sorted(p for p in phantom_root.iterdir() if p.is_dir())[0]
    words = [f"zoo={made}", f"input={patient}", f"output={tmp_path / 'out'}", "backend=onnx"]
    assert predict(words) == 0
    assert len(list((tmp_path / "out").rglob("*_mask.tif"))) == 6


def change(card: Path, key: str, **values: object) -> None:
    content = json.loads(card.read_text(encoding="utf-8"))
    content[key] |= values
    card.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda e: (e / "weights.safetensors").open("ab").write(b"x"), "is damaged"),
        (lambda e: (e / "weights.safetensors").unlink(), "cannot be read"),
        (lambda e: (e / "card.json").write_text("{", encoding="utf-8"), "cannot be read"),
        (lambda e: change(e / "card.json", "threshold", value=-1.0), "threshold.value is not"),
        (lambda e: change(e / "card.json", "preprocess", normalisation="foo"), "card.json: preprocess.normalisation"),
        (lambda e: change(e / "card.json", "training", starting_weights=5), "starting_weights is not"),
        (lambda e: (e / "card.json").write_text("{}", encoding="utf-8"), "card.json is damaged: model is not"),
    ],
)  # fmt: skip
def test_a_damaged_entry_says_so(entry: Path, tmp_path: Path, spoil: Callable[[Path], object], message: str) -> None:
    shutil.copytree(entry, tmp_path / "tiny")
    spoil(tmp_path / "tiny")
    with pytest.raises(UserError, match=message):
        from_zoo(tmp_path / "tiny")


def test_weights_of_another_network_than_the_cards_are_refused(entry: Path, tmp_path: Path) -> None:
    made = tmp_path / "tiny"
    shutil.copytree(entry, made)
    save_file({"other": torch.zeros(1)}, made / "weights.safetensors")
    card = json.loads((made / "card.json").read_text(encoding="utf-8"))
    card["weights"]["sha256"] = hashlib.sha256((made / "weights.safetensors").read_bytes()).hexdigest()
    (made / "card.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(UserError, match="another network"):
        from_zoo(made)
