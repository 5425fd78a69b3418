"""A run that was killed, once or more, ends bit for bit as if it had not been."""

from __future__ import annotations

import random
from itertools import product

import pandas as pd
import pytest

from lgg_seg.runs.folder import RunFolder
from tests.faults.killed import CODES, assert_same, run
from tests.workplace import Workplace

EVERYTHING = (
    "scheduler=plateau", "scheduler.patience=0", "callbacks=ema", "callbacks.ema.decay=0.9",
    "callbacks.early_stopping.patience=2", "trainer.accumulate_grad_batches=5", "sampler=tumour_weighted",
)  # fmt: skip
DEATHS = "SIGTERM training 18", "SIGINT validation 1", "SIGKILL saving 2", "SIGKILL test 1"
SCHEDULERS = "none", "exponential", "step", "cosine", "plateau", "onecycle", "poly"
RECIPES = {
    "plain": (),
    "everything": EVERYTHING[2:],
    "device": ("data.feed=device",),
}


def test_workers_plateau_average_accumulation_early_stopping_go_on_bit_for_bit(workplace: Workplace) -> None:
    """Ended by SIGTERM between two steps, by Ctrl-C in a validation, by SIGKILL while it writes a checkpoint, and in
    the test that follows an early stop."""
    words = [*EVERYTHING, "data.workers=2", "trainer.max_epochs=9"]
    whole = run(workplace, "whole", words)
    rates = pd.read_csv(whole / "history.csv")["lr"]
    assert len(rates) < 9, "it stopped early"
    assert rates.nunique() > 1, "the plateau's schedule has done something"
    killed = run(workplace, "killed", words, DEATHS)
    assert_same(killed, whole)
    assert not list(killed.rglob(".partial*")), "what it was writing is gone"


def test_a_run_that_is_validated_within_epochs_goes_on_bit_for_bit_from_its_last_validation(
    workplace: Workplace,
) -> None:
    """Ended before a validation, in one and in the next step, by signals, and while the best checkpoint is written."""
    words = [*EVERYTHING, "+trainer.val_check_interval=4", "trainer.accumulate_grad_batches=2", "trainer.max_epochs=2",
             "seed=3"]  # fmt: skip
    whole = run(workplace, "quarters", words)
    history = pd.read_csv(whole / "history.csv")
    assert history["epoch_part"].tolist() == pytest.approx([1 / 3, 2 / 3, 1] * 2)
    assert history.groupby("epoch")["lr"].nunique().max() > 1, "the plateau's schedule counts validations"
    killed = run(workplace, "killed-quarters", words, ("SIGTERM training 3", "SIGINT validation 4", "SIGKILL saving 3"))
    assert_same(killed, whole)
    spent = RunFolder(killed).read_json("provenance.json")["wall_seconds"]
    assert spent > pd.read_csv(killed / "history.csv")["seconds"].sum(), "of all its processes"


PAIRS = [
    (scheduler, (number + place) % 2 * 2, recipe)
    for (number, scheduler), (place, recipe) in product(enumerate(SCHEDULERS), enumerate(RECIPES))
]
"""Every schedule with every recipe, and each of either with 0 and with 2 workers."""


@pytest.mark.soak
@pytest.mark.parametrize(("scheduler", "workers", "recipe"), PAIRS)
def test_every_schedule_and_recipe_goes_on_bit_for_bit(
    workplace: Workplace, scheduler: str, workers: int, recipe: str
) -> None:
    """With one death and with three, by signals and at places that are drawn with a fixed seed."""
    name = f"{scheduler}-{workers}-{recipe}"
    words = [f"scheduler={scheduler}", f"data.workers={workers}", "trainer.max_epochs=4", *RECIPES[recipe]]
    whole = run(workplace, name, words)
    draw = random.Random(name)
    signals = draw.choices(list(CODES), k=3)
    places = f"training {draw.randint(13, 30)}", f"validation {draw.randint(1, 3)}", "test 1"
    deaths = [f"{number} {place}" for number, place in zip(signals, places, strict=True)]
    assert_same(run(workplace, f"{name}-once", words, [draw.choice(deaths[::2])]), whole)
    assert_same(run(workplace, f"{name}-thrice", words, deaths), whole)
