"""Arguments of the page: those of the command, which it hands on to the page's script."""

from pathlib import Path
from typing import Annotated

from lgg_seg.cli.arguments import Argument
from lgg_seg.devices import Accelerator
from lgg_seg.inference.zoo import DEFAULT

THRESHOLDS = 0.01, 0.99  # of the page's slider

RunFolder = Annotated[Path | None, Argument("the network of this run's folder, or latest")]
ZooName = Annotated[str | None, Argument(f"a model that ships with the package; null: {DEFAULT}, without run")]
Device = Annotated[Accelerator, Argument("auto, cpu, gpu or mps")]
