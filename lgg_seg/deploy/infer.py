"""Segment a patient with the exported network beside this file, without the package that made it.

    python infer.py FOLDER OUTPUT

FOLDER holds the slices of one patient, `NAME_1.tif`, `NAME_2.tif`, …, each with the channels pre-contrast, FLAIR,
post-contrast, or grey for FLAIR alone. OUTPUT gets `NAME_1_mask.tif`, …: 0 and 255. Needs numpy, scipy,
opencv-python-headless and onnxruntime.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from scipy import ndimage

HERE = Path(__file__).parent
BATCH = 16
MARK = b"lgg_seg.predict"  # behind the pixels, where no reader of TIFF looks: by it a mask is known for a prediction


def main(folder: Path, output: Path) -> None:
    model = json.loads((HERE / "model.json").read_text(encoding="utf-8"))
    files = sorted(
        (file for file in folder.glob("*.tif") if re.search(r"_\d+$", file.stem)),
        key=lambda file: int(file.stem.rpartition("_")[2]),
    )
    if not files:
        patient = next((f"; give one patient's, such as {file.parent}" for file in sorted(folder.glob("*/*.tif"))), "")
        sys.exit(f"{folder} holds no slices NAME_NUMBER.tif{patient}")
    images = np.stack([_read(file) for file in files])
    mask = largest(predict(model, images) >= model["threshold"], model["postprocess"])
    output.mkdir(parents=True, exist_ok=True)
    for file, one in zip(files, mask, strict=True):
        _, content = cv2.imencode(".tif", one.astype(np.uint8) * 255)
        (output / f"{file.stem}_mask.tif").write_bytes(content.tobytes() + MARK)
    print(f"{len(files)} slices, {int(mask.any(axis=(1, 2)).sum())} with tumour: {output}")


def predict(model: dict[str, Any], images: Any) -> Any:
    """P(tumour), float32 (D, H, W), of slices uint8 (D, H, W, 3)."""
    height, width = images.shape[1:3]
    side, size = max(height, width), model["preprocess"]["size"] or max(height, width)
    above, before = (side - height) // 2, (side - width) // 2
    padding = ((0, 0), (above, side - height - above), (before, side - width - before), (0, 0))
    square = np.pad(images, padding)
    way = cv2.INTER_AREA if size < side else cv2.INTER_LINEAR
    x: Any = np.stack([cv2.resize(image, (size, size), interpolation=way) for image in square]).astype(np.float32)
    if model["preprocess"]["normalisation"] == "volume":
        x = x.clip(*np.percentile(x, (10, 99)))
        deviation = x.std(axis=(0, 1, 2), dtype=np.float64)
        x = (x - x.mean(axis=(0, 1, 2), dtype=np.float64)) / np.where(deviation > 0, deviation, 1.0)
    else:
        x = x / 255
    x = x.transpose(0, 3, 1, 2).astype(np.float32)
    session = onnxruntime.InferenceSession(HERE / model["file"], providers=["CPUExecutionProvider"])
    probability = _sigmoid(session, x)
    if model["tta"]:
        probability = (probability + _sigmoid(session, x[..., ::-1])[..., ::-1]) / 2
    way = cv2.INTER_AREA if side < size else cv2.INTER_LINEAR
    native = np.stack([cv2.resize(one, (side, side), interpolation=way) for one in probability])
    return native[:, above : above + height, before : before + width]


def largest(mask: Any, postprocess: str) -> Any:
    """The mask, or its largest component (26 neighbours)."""
    if postprocess != "largest_component" or not mask.any():
        return mask
    labels, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    return labels == np.bincount(labels[mask]).argmax()


def _sigmoid(session: onnxruntime.InferenceSession, x: Any) -> Any:
    batches = [np.ascontiguousarray(x[k : k + BATCH]) for k in range(0, len(x), BATCH)]
    logits = np.concatenate([session.run(None, {"image": batch})[0] for batch in batches])
    return 1 / (1 + np.exp(-logits[:, 0]))


def _read(file: Path) -> Any:
    image = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if image is None:
        sys.exit(f"{file} cannot be read")
    return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"{__doc__}\nIt needs two folders, FOLDER and OUTPUT; {len(sys.argv) - 1} given.")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
