"""A number as tables write it."""

from __future__ import annotations


def number(value: float | None) -> str:
    """Three significant decimals, a dash for what could not be measured."""
    if value is None:
        return "-"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
