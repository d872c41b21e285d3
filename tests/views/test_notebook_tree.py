from __future__ import annotations

from html.parser import HTMLParser

import pytest

from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.build import analyse
from rewriter.views.notebook_tree import tree_html
from tests.evidence.folded import Product, products
from tests.views.models import named, small, unplaced

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """The elements and the text of a fragment; fails where an element is closed out of turn."""

    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.deepest = 0
        self.attributes: set[str] = set()
        self.feed(fragment)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in VOID
        self.open.append(tag)
        self.deepest = max(self.deepest, len(self.open))
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1] != "style":
            self.texts.append(data)


def page(of: Analysis) -> Page:
    return Page(tree_html(of))


def test_the_tree_nests_and_shows_its_figures() -> None:
    shown = page(small())
    text = "|".join(shown.texts)
    assert shown.tags.count("details") == 2
    for piece in ("(root)", "Linear", "2 / 2", "20", "×2", "100%", "3 by scope name"):  # noqa: RUF001
        assert piece in text


def test_a_folded_norm_says_where_it_is() -> None:
    folded = analyse(GraphIndex(products([Product(("bn",), "conv.weight")])))
    assert "folded into conv" in page(folded).texts


def test_a_file_without_hierarchy_says_so() -> None:
    shown = page(unplaced())
    assert "details" not in shown.tags
    assert any("no module hierarchy found" in text for text in shown.texts)
    assert any("what would help" in text for text in shown.texts)


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</details></div>", "\x1b[2J\u202e"],
)
def test_names_from_a_file_stay_text(name: str) -> None:
    of = named([name], [name.replace(".", "")])
    of.model.producer_name = name
    shown = page(of)
    assert set(shown.tags) <= {"div", "style", "p", "strong", "details", "summary", "span"}
    assert shown.attributes <= {"class", "style", "title", "open"}
    assert all(char.isprintable() for text in shown.texts for char in text)


def test_nothing_is_fetched_from_elsewhere() -> None:
    fragment = tree_html(small())
    assert not [word for word in ("http:", "https:", "url(", "@import", "<script") if word in fragment]


def test_a_long_tree_is_short_and_says_what_is_left_out() -> None:
    paths = [f"{chr(97 + i % 26)}x{i}" for i in range(3000)]
    shown = page(named(paths, paths))
    assert any("1,001 more lines are not shown here" in text for text in shown.texts)
    alike = [f"layer.{i}" for i in range(3000)]
    assert any("3,000 alike" in text for text in page(named(alike, alike)).texts)


def test_nesting_stops_before_browsers_do() -> None:
    assert page(named(["n"], [".".join(["a"] * 2000)])).deepest < 512
