"""Log lines: to the terminal for people, to the run's folder for later."""

import logging
import warnings
from pathlib import Path

PROFILERS = "pytorch_lightning.profilers"  # `+trainer.profiler=simple` asks for their report
OURS = ("lgg_seg", PROFILERS)
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def say(log: logging.Logger, line: str, *, printed: bool = True) -> None:
    """Print a line on stdout, unless not `printed`, and write it to `run.log`."""
    log.info("%s", line, extra={"file_only": True})
    if printed:
        print(line, flush=True)


def configure_logs(file: Path | None = None) -> None:
    """Send our log lines to stderr and, with `file`, append everything to it."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    console = logging.StreamHandler()
    console.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    console.addFilter(lambda record: record.name.startswith(OURS) or record.levelno >= logging.WARNING)
    console.addFilter(lambda record: not getattr(record, "file_only", False))
    root.setLevel(logging.INFO)
    root.addHandler(console)
    if file is not None:
        written = logging.FileHandler(file, encoding="utf-8")
        written.setFormatter(logging.Formatter(FORMAT))
        root.addHandler(written)
    logging.captureWarnings(True)
    # Harmless here; a data loader without workers is best for two cores.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
    warnings.filterwarnings("ignore", message=".*resumable.*")  # the loader is: its order follows from the epoch
    warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated.*")
    warnings.filterwarnings("ignore", message=".*sync_dist=True.*")  # every process computes what it logs for all
    hydra = "hydra._internal.core_plugins.basic_launcher"  # a sweep's own lines say more
    for talkative in ("pytorch_lightning", "lightning.pytorch", "matplotlib", "fsspec", hydra):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    logging.getLogger(PROFILERS).setLevel(logging.INFO)
