"""A search: the score of every trial, the best so far, and which parameters mattered."""

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from lgg_seg.comparison.search import Search
from lgg_seg.reporting.formatting import ABSENT, three
from lgg_seg.reporting.html.drawing import INK, PALETTE, PAPER, WIDTH, Picture, new_figure, svg


def search_section(search: Search) -> dict[str, Any]:
    """The pictures `history` and, if it is known, `importance`; `grid`: titles, then a row a trial, the best first."""
    keys = list(dict.fromkeys(key for trial in search.trials for key in trial.parameters))
    grid = [["trial", "validation score", "state", *keys]]
    for one in search.ranked:
        values = [one.parameters.get(key, ABSENT) for key in keys]
        texts = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in values]
        grid.append([str(one.number), ABSENT if one.score is None else three(one.score), one.state, *texts])
    importance = _importance(search) if search.importance else None
    return {"trials": search.trials, "history": _history(search), "importance": importance, "grid": grid}


def _history(search: Search) -> Picture:
    figure, axes = new_figure(WIDTH, 3.4)
    best: list[float] = []
    for trial in search.trials:
        finished = trial.state == "finished"
        best.append(max(filter(None, [*best[-1:], trial.score if finished else None]), default=np.nan))
        if trial.score is not None:
            inside = PALETTE[0] if finished else PAPER
            axes.plot(trial.number, trial.score, "o", color=PALETTE[0], markerfacecolor=inside, markersize=6)
    axes.step([trial.number for trial in search.trials], best, where="post", color=INK, linewidth=1.2)
    axes.set(xlabel="trial", ylabel="validation score")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    top = search.ranked[0]
    score = "none has finished" if top.score is None else f"the best is trial {top.number} with {three(top.score)}"
    return svg(figure, f"Validation score of {len(search.trials)} trials; {score}.")


def _importance(search: Search) -> Picture:
    shares = list(search.importance.items())[::-1]
    figure, axes = new_figure(WIDTH, 0.8 + 0.4 * len(shares))
    axes.barh([key for key, _ in shares], [share for _, share in shares], color=PALETTE[0], height=0.55)
    for row, (_, share) in enumerate(shares):
        axes.text(share + 0.01, row, f"{share:.0%}", va="center", fontsize=8.5)
    axes.set(xlim=(0, 1.1), xlabel="share of the score's variance")
    axes.tick_params(axis="y", length=0)
    alt = ", ".join(f"{key} {share:.0%}" for key, share in search.importance.items())
    return svg(figure, f"Importance of the parameters: {alt}.")
