"""Links of the pages lead to files and headings that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = ("*.md", "docs/*.md", "docs/*.ipynb", "experiments/**/*.md", "lgg_seg/**/*.md")
PAGES = sorted(path for place in PLACES for path in ROOT.glob(place))
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\\?\"([^\"\\]+)")


def anchors(page: Path) -> set[str]:
    """The headings as GitHub makes anchors of them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in ("".join(found) for found in LINK.findall(page.read_text(encoding="utf-8"))):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{link} is not there"
        assert target.resolve().is_relative_to(ROOT), f"{link} leads out of the repository"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


def test_every_page_can_be_reached_from_the_readme() -> None:
    todo, reached = [ROOT / "README.md"], set()
    while todo:
        page = todo.pop().resolve()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = ("".join(found).partition("#")[0] for found in LINK.findall(page.read_text(encoding="utf-8")))
        todo += [page.parent / link for link in links if link and not link.startswith("https://")]
    assert {page.resolve() for page in PAGES if page.suffix == ".md"} <= reached
