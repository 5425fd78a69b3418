"""Series of DICOM files as archives have them."""

from __future__ import annotations

import locale
from pathlib import Path
from zlib import crc32

import numpy as np
import SimpleITK

RNG = np.random.default_rng(0)
HEAD = RNG.integers(0, 1000, (5, 7, 6), dtype=np.int16)  # slices to the crown, rows to the back, columns to the left


def write_series(
    folder: Path, description: str, *, head: np.ndarray = HEAD, ending: str = ".dcm", skip: int = -1, **more: str
) -> None:
    """A series of MR as TCIA has them, its files in an order of names that is not that of the slices."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    uid = f"1.2.3.{crc32(description.encode())}"
    thick = 20 / (len(head) - 1)
    for k, pixels in enumerate(head):
        image = SimpleITK.GetImageFromArray(pixels)
        image.SetSpacing((2.0, 2.0))
        tags = {"0008|0060": "MR", "0008|103e": description, "0010|0020": "TCGA-CS-4942", "0020|000d": "1.2.3",
                "0020|000e": uid, "0020|0052": "1.2.9", "0008|0018": f"{uid}.{k}", "0020|0037": "1\\0\\0\\0\\1\\0",
                "0020|0032": f"30\\40\\{-20 + k * thick}", "0018|0050": f"{thick}"}  # fmt: skip
        for tag, value in (tags | {f"{key[1:5]}|{key[5:]}": value for key, value in more.items()}).items():
            image.SetMetaData(tag, value)
        if k != skip:
            writer.SetFileName(str(folder / f"x{len(head) - k:03}.dcm"))
            before = locale.setlocale(locale.LC_ALL)
            writer.Execute(image)
            locale.setlocale(locale.LC_ALL, before)  # GDCM leaves the process in the C locale, where text is ASCII
            (folder / f"x{len(head) - k:03}.dcm").rename(folder / f"{uid}-{len(head) - k:03}{ending}")
