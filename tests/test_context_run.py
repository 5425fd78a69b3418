"""A network with context (2.5D) goes from training through ONNX to the prediction of a single slice."""

from pathlib import Path

import pandas as pd

from tests.workplace import Workplace, lgg, metrics

WORDS = ("model=unet_slim", "model.alpha=0.0625", "preprocess.size=32", "preprocess.context=1", "trainer=debug")


def test_a_run_with_context_is_exported_and_predicts_volumes_and_single_slices(workplace: Workplace) -> None:
    folder = workplace[0] / "context"
    done = lgg(workplace, *WORDS, "evaluation.tta=true", "trainer.max_epochs=1", f"hydra.run.dir={folder.name}")
    assert done.returncode == 0, done.stderr
    assert metrics(folder)["tta"] is True
    assert lgg(workplace, f"run={folder}", "format=onnx", module="lgg_seg.export").returncode == 0

    patient = min(path for path in Path(workplace[1]["LGG_DATA_ROOT"]).iterdir() if path.is_dir())
    masks = {}
    for backend in ("torch", "onnx"):
        output = workplace[0] / f"context_{backend}"
        words = f"run={folder}", f"input={patient}", f"output={output}", f"backend={backend}", "precision=32-true"
        done = lgg(workplace, *words, "overlays=none", module="lgg_seg.predict")
        assert done.returncode == 0, done.stderr
        masks[backend] = pd.read_csv(output / "per_slice.csv")
    assert masks["torch"]["area_px"].sum() > 0
    assert (masks["torch"]["area_px"] - masks["onnx"]["area_px"]).abs().max() <= 2, "pixels at the threshold alone"

    single = next(path for path in sorted(patient.glob("*.tif")) if "mask" not in path.name)
    output = workplace[0] / "context_single"
    done = lgg(workplace, f"run={folder}", f"input={single}", f"output={output}", module="lgg_seg.predict")
    assert done.returncode == 0, done.stderr
    assert "this one stands in for both" in pd.read_csv(output / "per_volume.csv")["notes"][0]
