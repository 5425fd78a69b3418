"""The terminal: progress and messages on stderr, so that stdout carries results alone."""

from __future__ import annotations

from rich.console import Console

console = Console(stderr=True)
