"""`python -m lgg_seg.data verify|explore|download|phantom|digests key=value …`: a dataset root on the command line."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console

from lgg_seg.cli.arguments import Argument, subcommands
from lgg_seg.config.instantiate import instantiate
from lgg_seg.config.overrides import compose_config
from lgg_seg.data.arguments import MaskThreshold, Root
from lgg_seg.data.kaggle.checksums import format_checksums
from lgg_seg.data.kaggle.download import ensure_tree
from lgg_seg.data.kaggle.index import check_integrity
from lgg_seg.data.kaggle.listing import DEFAULT_ROOT, list_dataset
from lgg_seg.data.kaggle.scan import read_all
from lgg_seg.errors import UserError
from lgg_seg.messages import counted
from lgg_seg.reporting.integrity import print_report


def verify(root: Root = DEFAULT_ROOT, mask_threshold: MaskThreshold = None) -> int:
    """Decode every file and list every issue; exit code 1 if there are errors."""
    report = check_integrity(root, rescan=True, mask_threshold=mask_threshold)
    print_report(report, Console(soft_wrap=True, highlight=False))
    return int(any(issue.severity == "error" for issue in report.issues))


def explore(
    root: Annotated[Path | None, Argument("the folder of the data set; null: that of data=", key="data.root")] = None,
    data: Annotated[Literal["lgg", "phantom"], Argument("lgg, or phantom, which is drawn where it is absent")] = "lgg",
    output: Annotated[Path, Argument("the page to write")] = Path("exploration.html"),
    mask_threshold: MaskThreshold = None,
) -> int:
    """Write the data set as one HTML page of pictures: slices, tumours, sequences, clinical data, augmentation."""
    from lgg_seg.reporting.html.exploration import write_exploration

    source = compose_config([f"data={data}"]).data
    folder = root or Path(source.root)
    if data == "phantom":
        instantiate(source.tree, "data.tree")(folder)
    write_exploration(check_integrity(folder, mask_threshold=mask_threshold), output)
    print(f"written to {output}")
    return 0


def download(root: Root = DEFAULT_ROOT) -> int:
    """Fetch the Kaggle dataset (near a gigabyte) with kagglehub and link data.root to it."""
    print(f"the dataset is at {ensure_tree(root)}")
    return 0


def phantom(
    root: Root = Path("data/phantom"),
    patients: Annotated[int, Argument("how many")] = 24,
    slices: Annotated[int, Argument("of each")] = 12,
    size: Annotated[int, Argument("side of a slice in pixels")] = 128,
    seed: Annotated[int, Argument("of the drawing")] = 0,
) -> int:
    """Write drawn heads, with tumours, in the dataset's layout."""
    from lgg_seg.data.phantom.generator import write_phantom

    written = write_phantom(root, patients=patients, slices=slices, size=size, seed=seed)
    print(f"{counted(patients, 'phantom patient')} of {counted(slices, 'slice')}: {written}")
    return 0


def digests(root: Root = DEFAULT_ROOT) -> int:
    """Print the checksums of sound files' pixels, to be kept as `digests.txt` in the dataset root."""
    slices = read_all(list_dataset(root))
    if any(s.issues for s in slices):
        raise UserError(
            f"{root} has files that cannot be used: `python -m lgg_seg.data verify data.root={root}` lists them"
        )
    sys.stdout.write(format_checksums(slices))
    return 0


main = subcommands("lgg_seg.data", verify=verify, explore=explore, download=download, phantom=phantom, digests=digests)

if __name__ == "__main__":
    sys.exit(main())
