"""The models that ship: each within its limits, and loadable by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import lgg_seg
from lgg_seg.app.caching import cached_model
from lgg_seg.deploy.publish import MAX_BYTES
from lgg_seg.inference.zoo import DEFAULT, MODELS, names, read_card
from lgg_seg.predict import main as predict
from lgg_seg.zoo.__main__ import main as zoo


@pytest.mark.parametrize("name", names())
def test_a_shipped_model_is_small_honest_and_loads_by_its_name(name: str) -> None:
    card = read_card(MODELS / name)
    assert (MODELS / name / "weights.safetensors").stat().st_size == card["weights"]["bytes"] <= MAX_BYTES
    assert {path.name for path in (MODELS / name).iterdir()} == {"README.md", "card.json", "weights.safetensors"}
    assert "LGG MRI segmentation dataset" in card["data"], "the zoo is of networks trained on real patients"
    assert card["tested"]["protocol"] == "patient"
    assert card["name"] == name
    model = lgg_seg.load(name, device="cpu")
    assert model.predict(np.zeros((1, 64, 64, 3), np.uint8)).shape == (1, 64, 64)


def test_predict_load_and_the_app_take_the_best_model_where_none_is_named(phantom_root: Path, tmp_path: Path) -> None:
    patient = sorted(p for p in phantom_root.iterdir() if p.is_dir())[0]
    assert predict([f"input={patient}", f"output={tmp_path / 'out'}", "device=cpu"]) == 0
    (used,) = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))["models"]
    assert used["name"] == lgg_seg.load(device="cpu").name == cached_model(("device=cpu",)).name == DEFAULT


def test_the_list_names_every_shipped_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert zoo(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == names()
    assert [line.endswith("the default") for line in lines] == [name == DEFAULT for name in names()]
