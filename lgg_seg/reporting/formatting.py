"""Numbers as tables write them; `ABSENT` stands for what is unknown."""

from collections.abc import Callable, Sequence
from typing import Final

ABSENT: Final = "-"
MAX_PLAIN: Final = 1e6  # from which a number is written with a power of ten


def three(value: float) -> str:
    """Three decimals; of a loss that has run away, three figures."""
    return f"{value:.3f}" if abs(value) < MAX_PLAIN else f"{value:.3g}"


def one(value: float) -> str:
    """One decimal, likewise."""
    return f"{value:.1f}" if abs(value) < MAX_PLAIN else f"{value:.3g}"


def number(value: float | None) -> str:
    """Three decimals, from 10 on one."""
    if value is None:
        return ABSENT
    return one(value) if abs(value) >= 10 else three(value)


def interval(ci95: Sequence[float] | None, text: Callable[[float], str] = number) -> str:
    """A 95 % interval: `0.750 to 0.870`."""
    return f"{text(ci95[0])} to {text(ci95[1])}" if ci95 else ABSENT


def with_interval(value: float | None, ci95: Sequence[float] | None, text: Callable[..., str] = number) -> str:
    """A value with its 95 % interval, if there is one: `0.812 (0.750 to 0.870)`."""
    return text(value) + (f" ({interval(ci95, text)})" if ci95 else "")


def p_value(p: float | None) -> str:
    """Three decimals, or that it is smaller."""
    return ABSENT if p is None else "< 0.001" if p < 0.001 else three(p)


def with_spread(seeds: int, spread: float | None) -> str:
    """The number of seeds, with the standard deviation between several: `3 ± 0.012`."""
    return str(seeds) + (f" ± {three(spread)}" if spread is not None else "")


def si(value: float) -> str:
    """Three figures with k, M or G."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def byte_size(size: float) -> str:
    """Three figures with kB, MB or GB."""
    return f"{si(size)}B" if abs(size) >= 1000 else f"{size:.0f} B"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
