"""A page of HTML, parsed: its text, attributes and table rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "img", "link", "br", "input", "hr"}


@dataclass
class Page(HTMLParser):
    """A parsed page: its text, attributes by tag, cells of each row; a tag left open or crossed is an error."""

    text: str = ""
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    rows: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append({})

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        last, _ = self._open.pop()
        assert last == tag, f"<{last}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        inside = [tag for tag, _ in self._open]
        if "style" in inside or "script" in inside:
            return
        self.text += data
        for tag, attributes in self._open:
            column = attributes.get("data-of")
            if tag == "td" and column:
                self.rows[-1][column] = self.rows[-1].get(column, "") + data
            if tag == "th" and attributes.get("class") == "stick name" and attributes.get("scope") == "row":
                self.rows[-1]["name"] = self.rows[-1].get("name", "") + data

    def close(self) -> None:
        super().close()
        assert not self._open, f"left open: {self._open}"

    def attributes(self, tag: str, name: str) -> list[str]:
        return [found[name] or "" for one, found in self.tags if one == tag and name in found]

    @property
    def plain(self) -> str:
        return " ".join(self.text.split())


def parse(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    return page


def images(html: str, kind: str) -> list[str]:
    return [source for source in parse(html).attributes("img", "src") if source.startswith(f"data:image/{kind}")]
