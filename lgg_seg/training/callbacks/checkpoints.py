"""`best.ckpt`, chosen on validation patients, and `last.ckpt`, from which a run is resumed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import ModelCheckpoint

from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.monitor import Monitor


class KeptCheckpoint(ModelCheckpoint):
    """One file, written anew after every epoch that deserves it; a run's folder may be moved in between.

    Lightning remembers absolute paths, and forgets which epoch was best where the folder has another place.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the state of a resumed run, its paths as they are now."""
        here = str(self.dirpath)

        def moved(path: str) -> str:
            return str(Path(here) / Path(path).name) if path else path

        paths = {key: moved(state_dict[key]) for key in ("best_model_path", "kth_best_model_path", "last_model_path")}
        best = {moved(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state_dict, **paths, "best_k_models": best, "dirpath": here})


def checkpoints(folder: RunFolder, monitor: Monitor) -> list[KeptCheckpoint]:
    """The best epoch's by `monitor`, then the last one's, which holds the other's state.

    Lightning's own `save_last` writes only when there is a new best.
    """
    place = folder.checkpoints
    keep = partial(KeptCheckpoint, save_on_train_epoch_end=True, enable_version_counter=False)
    return [
        keep(place, folder.best.stem, monitor=monitor.column, mode=monitor.mode),
        keep(place, folder.last.stem, monitor=None),
    ]
