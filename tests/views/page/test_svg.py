"""The icicle that stands still."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

import rewriter
from rewriter.basics.literals import MeasureWord
from rewriter.views.page.svg import figure
from tests.exports import EXPORTS
from tests.views.page.hostile import hostile_model

BERT = EXPORTS / "bert" / "ts.onnx"
SVG = "{http://www.w3.org/2000/svg}"


def drawn(svg: str) -> dict[str, tuple[float, float, float]]:
    """First line of the tooltip -> left edge, top and width; well-formed, or this fails."""
    found = {}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        title, box = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert title.text
        assert box is not None
        left, top, width = (float(box.get(key) or 0) for key in ("x", "y", "width"))
        found[title.text.splitlines()[0]] = (left, top, width)
    return found


@pytest.mark.parametrize("by", ["parameters", "nodes", "flops"])
def test_children_stand_below_their_parent_and_inside_it(by: MeasureWord) -> None:
    cells = drawn(rewriter.report(BERT, by=by).svg)
    assert len(cells) > 10
    for path, (left, top, width) in cells.items():
        above = "(root)" if path != "(root)" and "." not in path else path.rpartition(".")[0]
        if path != "(root)":
            outer = cells[above]
            assert top > outer[1]
            assert outer[0] - 0.2 <= left
            assert left + width <= outer[0] + outer[2] + 1.2


def test_widths_are_shares() -> None:
    report = rewriter.report(BERT, by="nodes")
    tree, cells = report.findings.analysis.tree, drawn(report.svg)
    path = "model.encoder.layer.0"
    share = tree[path].total_nodes / len(tree.placements)
    assert (cells[path][2] + 1) / (cells["(root)"][2] + 1) == pytest.approx(share, abs=1e-3)


def test_hostile_names_stay_text() -> None:
    svg = rewriter.report(hostile_model()).svg
    tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(svg).iter()}
    assert tags == {"svg", "style", "text", "g", "title", "rect"}
    assert len(svg) < 50_000


def test_a_notebook_shows_it() -> None:
    report = rewriter.report(BERT)
    assert report._repr_svg_() == report.svg
    assert report.svg.startswith("<svg ")


@pytest.mark.parametrize(
    ("measure", "total", "text"),
    [
        ("nodes", 1, "1 node"),
        ("parameters", 1200, "1,200 parameters"),
        ("flops", 2e9, "2.0G FLOPs"),
        ("time", 1500, "1.5 ms"),
        ("time", 12, "12 µs"),
    ],
)
def test_figures_have_units(measure: str, total: float, text: str) -> None:
    assert figure(measure, total) == text
