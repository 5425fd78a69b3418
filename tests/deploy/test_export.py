"""Exported networks run by other programs: logits for any batch and size, parity, and the description."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch

from lgg_seg import export as exporting
from lgg_seg.data.kaggle.images import read_mask
from lgg_seg.data.preprocessing import Preprocess
from lgg_seg.deploy import programs
from lgg_seg.deploy.pages import preprocessing_steps
from lgg_seg.deploy.parity import compare, comparison_slices
from lgg_seg.errors import UserError
from lgg_seg.export import export
from lgg_seg.inference.onnx import OnnxRunner, onnx_runner
from lgg_seg.inference.trained import from_run
from lgg_seg.predict import main as predict
from lgg_seg.runs.folder import RunFolder
from lgg_seg.scans.marks import is_marked
from tests.small_classifier import WORDS as SMALL_CLASSIFIER
from tests.small_classifier import with_small_classifier
from tests.workplace import Workplace, lgg

SHAPES = [(1, 3, 32, 32), (5, 3, 64, 48), (2, 3, 37, 50)]


@pytest.fixture(scope="module")
def run(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with both exports in it."""
    copied = tmp_path_factory.mktemp("export") / "run"
    shutil.copytree(trained_run, copied)
    export("onnx", run=copied)
    export("torch", run=copied)
    return copied


def expected(run: Path, x: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return from_run(run).network(torch.from_numpy(x)).numpy()


def image(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_onnx_gives_the_networks_logits_for_any_batch_and_size(run: Path, shape: tuple[int, ...]) -> None:
    session = onnxruntime.InferenceSession(run / "export" / "onnx" / "model.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"image": image(shape)})
    np.testing.assert_allclose(logits, expected(run, image(shape)), atol=1e-3, rtol=1e-4)


def test_torch_export_gives_the_networks_logits_for_any_batch_and_size(run: Path) -> None:
    program = torch.export.load(run / "export" / "torch" / "model.pt2").module()
    for shape in SHAPES:
        with torch.inference_mode():
            logits = program(torch.from_numpy(image(shape))).numpy()
        np.testing.assert_allclose(logits, expected(run, image(shape)), atol=1e-3, rtol=1e-4)


def test_the_onnx_file_is_valid_and_names_its_free_axes(run: Path) -> None:
    model = onnx.load(run / "export" / "onnx" / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    shapes = [
        [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    ]
    assert shapes == [["batch", 3, "height", "width"], ["batch", 1, "height", "width"]]


@pytest.mark.parametrize("format", ["onnx", "torch"])
def test_an_export_is_described_for_programs_and_for_people(run: Path, format: str) -> None:
    folder = run / "export" / format
    described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert (folder / described["file"]).is_file()
    assert described["weights_sha256"] == from_run(run).digest
    assert described["preprocess"]["size"] == 32
    assert (described["threshold"], described["input"]["shape"]) == (0.5, ["batch", 3, 32, 32])
    assert described["parity"]["slices"] == 16
    assert described["parity"]["largest_difference"] < 1e-3
    assert described["parity"]["positive"] > 0, "without positive pixels the comparison is empty"
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert all(step in page for step in preprocessing_steps(from_run(run).preprocess))


def test_the_script_beside_an_export_makes_the_masks_of_predict_without_this_package(
    run: Path, phantom_root: Path, tmp_path: Path
) -> None:
    patient = phantom_root / next(iter(RunFolder(run).read_json("provenance.json")["split"]["test"]))
    shutil.copytree(run / "export" / "onnx", tmp_path / "export")
    script = tmp_path / "export" / "infer.py"
    assert not re.search(r"(from|import) +lgg_seg", script.read_text(encoding="utf-8"))
    alone = subprocess.run([sys.executable, script], capture_output=True, encoding="utf-8")
    assert alone.returncode == 1
    assert alone.stderr.endswith("It needs two folders, FOLDER and OUTPUT; 0 given.\n")
    given = [sys.executable, str(script), str(phantom_root), str(tmp_path / "masks")]
    many = subprocess.run(given, capture_output=True, encoding="utf-8")
    first = min(path for path in phantom_root.iterdir() if path.is_dir())
    assert many.stderr == f"{phantom_root} holds no slices NAME_NUMBER.tif; give one patient's, such as {first}\n"
    done = subprocess.run([sys.executable, script, patient, tmp_path / "masks"], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    words = [f"run={run}", f"input={patient}", f"output={tmp_path / 'ours'}", "device=cpu", "precision=32-true"]
    assert predict([*words, "overlays=none"]) == 0
    wrong = area = 0
    for file in sorted((tmp_path / "masks").glob("*_mask.tif")):
        (same,) = (tmp_path / "ours").rglob(file.name)
        ours = read_mask(same)
        assert is_marked(file), "scored as truth, it would be a prediction against itself"
        wrong, area = wrong + int((read_mask(file) != ours).sum()), area + int(ours.sum())
    assert area > 0
    assert wrong <= area // 200, "of pixels that are on the threshold"


def test_predict_with_onnx_gives_the_masks_of_torch(run: Path, phantom_root: Path, tmp_path: Path) -> None:
    patient = phantom_root / next(iter(RunFolder(run).read_json("provenance.json")["split"]["test"]))
    tables = {}
    for backend in ("onnx", "torch"):
        words = [f"run={run}", f"input={patient}", f"output={tmp_path / backend}", f"backend={backend}", "device=cpu"]
        assert predict([*words, "precision=32-true", "overlays=none"]) == 0
        tables[backend] = pd.read_csv(tmp_path / backend / "per_slice.csv")
        assert json.loads((tmp_path / backend / "provenance.json").read_text(encoding="utf-8"))["backend"] == backend
    assert tables["onnx"]["area_px"].sum() > 0
    assert (tables["onnx"]["area_px"] - tables["torch"]["area_px"]).abs().max() <= 1
    assert np.allclose(tables["onnx"]["max_probability"], tables["torch"]["max_probability"], atol=1e-4)


@pytest.mark.real
def test_onnx_agrees_with_the_network_on_real_slices(run: Path, real_root: Path) -> None:
    trained = from_run(run)
    of, batches = comparison_slices(trained, real_root)
    parity = compare(trained, OnnxRunner(run / "export" / "onnx" / "model.onnx", 3), of, batches)
    assert (parity.slices, parity.of) == (16, real_root.name)
    assert parity.positive > 0
    assert parity.largest_difference < 1e-3


def test_a_classifier_is_exported_and_checked_like_any_network(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To ONNX, which goes through torch.export; its page does not mention masks."""
    workplace = with_small_classifier(workplace)
    words = "model.target=grade", "loss=bce", "preprocess.size=32", "split.val=3", "split.test=3", "debug=fast"
    run = workplace[0] / "classifier"
    done = lgg(workplace, *SMALL_CLASSIFIER, *words, "trainer=debug", "logger=none", f"hydra.run.dir={run}")
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("LGG_SEG_PACKAGES", "tests")
    folder, parity = export("onnx", run=run)
    assert json.loads((folder / "model.json").read_text(encoding="utf-8"))["output"]["meaning"] == "grade"
    assert (parity.slices, parity.of) == (16, "phantom")
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert "the mean over their slices" in page
    assert "half-pixel" not in page
    assert "post-processing" not in page


def test_an_export_of_other_weights_is_not_used(run: Path, phantom_root: Path, tmp_path: Path) -> None:
    copied = tmp_path / "run"
    shutil.copytree(run, copied)
    described = json.loads((copied / "export" / "onnx" / "model.json").read_text(encoding="utf-8"))
    (copied / "export" / "onnx" / "model.json").write_text(
        json.dumps(described | {"weights_sha256": "0"}), encoding="utf-8"
    )
    assert predict([f"run={copied}", f"input={phantom_root}", f"output={tmp_path / 'o'}", "backend=onnx"]) == 2
    (copied / "export" / "onnx" / "model.json").write_text(json.dumps(described), encoding="utf-8")
    (copied / "export" / "onnx" / "model.onnx").write_bytes(b"no")
    assert predict([f"run={copied}", f"input={phantom_root}", f"output={tmp_path / 'o'}", "backend=onnx"]) == 2
    assert not (tmp_path / "o").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the GPU that must be missing")
def test_a_device_that_is_not_here_is_refused_before_the_export(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "write_program", lambda *_: pytest.fail("it was exported"))
    with pytest.raises(UserError, match="device=gpu is not on this machine"):
        export("torch", run=run, output=tmp_path / "export", device="gpu")
    assert not (tmp_path / "export").exists()


def test_an_export_names_one_network(trained_run: Path) -> None:
    with pytest.raises(UserError, match="run=RUN, or zoo=NAME"):
        export("onnx")
    with pytest.raises(UserError, match="run=RUN, or zoo=NAME"):
        export("onnx", run=trained_run, zoo="unet_slim")


@pytest.mark.parametrize(
    "changed",
    [{"size": 64}, {"size": None}, {"crop": "brain"}, {"skull": "remove"}, {"channels": "flair"}, {"channels": "grey"},
     {"normalisation": "unit"}, {"sharpen": 0.5}],
    ids=str,
)  # fmt: skip
def test_every_setting_of_the_preprocessing_is_in_its_description(changed: dict) -> None:
    assert preprocessing_steps(Preprocess(**changed)) != preprocessing_steps(Preprocess())


def test_an_earlier_export_is_replaced_with_a_warning_and_anything_else_is_kept(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copied = tmp_path / "run"
    shutil.copytree(run, copied)
    with caplog.at_level("WARNING"):
        folder, _ = export("torch", run=copied)
    assert f"the earlier export in {folder} is replaced" in caplog.text
    (folder / "model.json").unlink()
    before = sorted(folder.iterdir())
    with pytest.raises(UserError, match="holds no export"):
        export("torch", run=copied)
    assert sorted(folder.iterdir()) == before


def test_an_invalid_description_asks_for_a_new_export(run: Path, tmp_path: Path) -> None:
    copied = tmp_path / "run"
    shutil.copytree(run, copied)
    (copied / "export" / "onnx" / "model.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match=r"make it again with python -m lgg_seg\.export"):
        onnx_runner(from_run(copied), 1)


def test_a_missing_folder_of_scans_is_named_with_its_key(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.root=.*nowhere is not there"):
        export("onnx", run=run, data_root=tmp_path / "nowhere")


def test_a_zoo_model_is_checked_on_the_dataset_where_it_exists_and_not_kept_if_it_fails(
    phantom_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lgg_seg.deploy.parity.DEFAULT_ROOT", phantom_root)
    monkeypatch.setenv("LGG_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    with pytest.raises(UserError, match=rf"on {phantom_root.name} .* is not kept"):
        export("torch", zoo="unet_slim")
    assert not list(tmp_path.rglob("model.*"))


def test_a_run_that_was_not_finished_says_so(
    trained_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(trained_run, tmp_path / "run")
    RunFolder(tmp_path / "run").set_status("interrupted")
    with caplog.at_level("WARNING"):
        from_run(tmp_path / "run")
    assert "run is interrupted: its best epoch so far is used, which was not tested" in caplog.text
