"""What most commands do at their start, done once in the process that the tests' commands are forked from."""

from __future__ import annotations

import gc
import io

from matplotlib.figure import Figure

from lgg_seg.config.overrides import check_overrides

check_overrides([], sweep=False)  # finds Hydra's plugins, and builds the tables of its parser
axes = Figure(layout="constrained").add_subplot(title="fonts are read once", label="axes")
axes.figure.savefig(io.BytesIO())
gc.freeze()  # what is here stays, so no forked process need look at it for garbage
