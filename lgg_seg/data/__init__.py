"""From a dataset root to batches; a config's `_target_` is imported on first use: checking files needs no PyTorch."""

import importlib

_MODULES = {
    "Augmentation": "augmentation",
    "DataModule": "datamodule",
    "Preprocess": "preprocessing",
    "SubstituteFlair": "augmentation",
    "TumourWeighted": "sampling",
    "Uniform": "sampling",
    "ensure_tree": "kaggle.download",
    "existing_tree": "kaggle.listing",
    "write_phantom": "phantom.generator",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
