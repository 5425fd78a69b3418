"""Every generated part of the pages, written anew from the recorded runs: `python -m experiments`, in a checkout.

A part stands between `<!-- NAME -->` and `<!-- /NAME -->`, and a test holds it to its runs.
"""

import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from experiments import api, index
from experiments.benchmark import leaderboard
from experiments.benchmark import tables as benchmark
from experiments.cost import alone, by_network, growth
from experiments.efficiency import tables as efficiency
from experiments.leak import tables as leak
from experiments.recipe import tables as recipe
from experiments.studies import study
from experiments.study_000.table_2 import table_2
from experiments.study_003.before_after import before_after
from lgg_seg.cli.arguments import arguments_of
from lgg_seg.cli.console import command

ROOT = Path(__file__).parents[1]
STUDIES, TASKS = ("study_000", "study_001", "study_002", "study_004"), ("segmentation", "classification")
PARTS: dict[tuple[str, str], Callable[[], str]] = {
    ("README.md", "leaderboard"): leaderboard.markdown,
    ("docs/api.md", "api"): api.markdown,
    ("docs/cost.md", "cpu"): partial(by_network, "benchmark/cpu"),
    ("docs/cost.md", "folds"): partial(by_network, "benchmark/folds"),
    ("docs/cost.md", "gpu"): partial(by_network, "benchmark/rates"),
    ("docs/cost.md", "alone"): alone,
    ("docs/cost.md", "growth"): growth,
    ("experiments/README.md", "index"): index.markdown,
    ("experiments/benchmark/README.md", "folds"): benchmark.folds,
    ("experiments/benchmark/README.md", "machines"): benchmark.machines,
    ("experiments/benchmark/README.md", "rates"): benchmark.rates,
    ("experiments/benchmark/README.md", "small"): benchmark.smallest,
    ("experiments/benchmark/README.md", "unseen"): leaderboard.unseen,
    ("experiments/benchmark/README.md", "untrained"): leaderboard.untrained,
    ("experiments/efficiency/README.md", "efficiency"): efficiency.by_training_patients,
    ("experiments/leak/README.md", "leak"): leak.both_splits,
    **{("experiments/recipe/README.md", name): partial(recipe.search, name) for name in recipe.SEARCHES},
    **{(f"experiments/{name}/README.md", "runs"): partial(study, name) for name in STUDIES},
    ("experiments/study_000/README.md", "table_2"): table_2,
    **{("experiments/study_003/README.md", task): partial(study, "study_003", task) for task in TASKS},
    ("experiments/study_003/README.md", "before_after"): before_after,
}


def fill(page: str, name: str, content: str) -> str:
    """The page with that content between the marks of that name.

    Raises:
        ValueError: it does not have these marks once.
    """
    marks = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", flags=re.DOTALL)
    filled, count = marks.subn(lambda found: f"{found[1]}{content}\n{found[2]}", page)
    if count != 1:
        raise ValueError(f"the marks of {name} stand {count} times in the page")
    return filled


def write_pages() -> None:
    """Write every generated part of the pages anew."""
    leak.draw()
    efficiency.draw()
    for (path, name), part in PARTS.items():
        page = ROOT / path
        before = page.read_text(encoding="utf-8")
        after = fill(before, name, part())
        page.write_text(after, encoding="utf-8")
        print(f"{path}: {name} {'is as it was' if after == before else 'is written anew'}")


@command
@arguments_of(write_pages, "experiments")
def main(given: dict[str, Any]) -> int:
    """Write the pages; it takes no arguments."""
    write_pages(**given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
