"""Arguments of the commands that read a data set."""

from pathlib import Path
from typing import Annotated

from lgg_seg.cli.arguments import Argument

Root = Annotated[Path, Argument("the folder of the data set", key="data.root")]
MaskThreshold = Annotated[
    int | None, Argument("of masks with other values than 0 and 255: tumour is above it", key="data.mask_threshold")
]
