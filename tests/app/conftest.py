"""Drawn patients for the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgg_seg.data.phantom.generator import write_phantom


@pytest.fixture(scope="session")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of two phantom patients with 8 slices of 96 x 96 pixels."""
    return write_phantom(tmp_path_factory.mktemp("heads") / "phantom", patients=2, slices=8, size=96)
