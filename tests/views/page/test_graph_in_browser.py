"""The graph pane in Chromium: layout, steps down and up, keys, and the fold of many parts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

import rewriter
from tests.build import model
from tests.exports import EXPORTS
from tests.views.page.browser import MISSING, Tab, browser, executable

pytestmark = pytest.mark.skipif(
    executable() is None and os.environ.get("REWRITER_BROWSER") != "1",
    reason=f"the graph was not opened in a browser: {MISSING}",
)

NAMES = "[...document.querySelectorAll('.box .box-name')].map(e => e.textContent)"
CRUMBS = "[...document.querySelectorAll('.graph-crumbs .crumb')].map(e => e.textContent)"
CHOSEN = "document.querySelector('.box[aria-pressed=true] .box-name')?.textContent"
OVERLAPS = """(() => {
  const boxes = [...document.querySelectorAll('.box, .edge-label')].map(e => e.getBoundingClientRect());
  let count = 0;
  boxes.forEach((a, at) => boxes.slice(at + 1).forEach(b => {
    const beside = a.left >= b.right - 1 || b.left >= a.right - 1;
    if (!beside && a.top < b.bottom - 1 && b.top < a.bottom - 1) count += 1;
  }));
  return count;
})()"""
DESCEND = """(name => {
  const boxes = [...document.querySelectorAll('.box')];
  const box = boxes.find(e => e.querySelector('.box-name').textContent === name);
  box.dispatchEvent(new MouseEvent('dblclick'));
})"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    rewriter.report(EXPORTS / "bert" / "ts.onnx", output=path)
    return path


def faults(tab: Tab) -> list[object]:
    return [*tab.happened("Runtime.exceptionThrown"), *tab.happened("Log.entryAdded")]


def test_steps_down_and_up(tab: Tab, page: Path) -> None:
    tab.open(page)
    assert tab.run(CRUMBS) == ["(root)", "model"]  # the first module with several parts
    assert {"embeddings", "encoder", "pooler", "input_ids"} <= set(tab.run(NAMES))
    for name in ("encoder", "layer", "layer.1"):
        tab.run(f"{DESCEND}('{name}')")
    assert tab.run(CRUMBS) == ["(root)", "model", "encoder", "layer", "1"]
    assert {"attention", "intermediate"} <= set(tab.run(NAMES))
    assert tab.run("document.querySelector('#detail .path').textContent") == "model.encoder.layer.1"
    tab.press("Escape")
    assert tab.run(CRUMBS)[-1] == "layer"
    assert tab.run(CHOSEN) == "layer.1"
    tab.click(".graph-crumbs button")
    assert tab.run(CRUMBS) == ["(root)"]
    assert faults(tab) == []


def test_edges_bear_types_and_nodes_their_attributes(tab: Tab, page: Path) -> None:
    tab.open(page)
    for name in ("encoder", "layer", "layer.1", "attention", "self"):
        tab.run(f"{DESCEND}('{name}')")
    labels = "[...document.querySelectorAll('.edge-label')].map(e => e.textContent)"
    assert "[2, 7, 128]" in tab.run(labels)
    at = tab.run(NAMES).index("Transpose")
    tab.run(f"document.querySelectorAll('.box')[{at}].click()")
    told = tab.run("document.querySelector('#detail').textContent")
    assert "perm[0, 2, 1, 3]" in told or "perm[0, 2, 3, 1]" in told
    assert "/model/encoder/layer.1/attention/self/Transpose" in told
    assert tab.run("document.querySelector('.edges .lit .arrow').getAttribute('d')").count("M") >= 2


def test_the_search_and_the_table_lead_to_the_graph(tab: Tab, page: Path) -> None:
    tab.open(page)
    tab.press("/")
    tab.type("layer.0 query")
    tab.press("Enter")
    assert tab.run(CHOSEN) == "query"
    assert tab.run(CRUMBS)[-1] == "self"


def test_keys_follow_the_dataflow(tab: Tab, page: Path) -> None:
    tab.open(page)
    tab.run("document.querySelectorAll('.box')[0].focus()")
    tab.run(f"{DESCEND}('encoder')")
    tab.run(f"{DESCEND}('layer')")
    tab.run("[...document.querySelectorAll('.box')].find(e => e.textContent.startsWith('layer.0')).click()")
    tab.press("ArrowDown")
    assert tab.run(CHOSEN) == "layer.1"
    tab.press("ArrowUp")
    assert tab.run(CHOSEN) == "layer.0"
    assert "read by layer.1" in tab.run("document.activeElement.ariaLabel")
    tab.press("Enter")
    assert tab.run(CRUMBS)[-1] == "0"


@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("name", ["bert", "resnet", "llama", "unet", "swin", "scripted_if_loop"])
def test_boxes_never_overlap(tab: Tab, tmp_path: Path, name: str, width: int) -> None:
    path = tmp_path / f"{name}.html"
    report = rewriter.report(next((EXPORTS / name).glob("ts*.onnx")), output=path)
    tab.open(path, width=width)
    for number in range(len(report.findings.analysis.tree)):
        tab.run(f"document.querySelectorAll('.rows .row')[{number}]?.click()")
        assert tab.run(OVERLAPS) == 0
        assert "NaN" not in tab.run("document.querySelector('.edges').innerHTML")
    assert faults(tab) == []


def test_first_divergence_is_on_show(tab: Tab, tmp_path: Path) -> None:
    changed = onnx.load(EXPORTS / "bert" / "ts.onnx")
    bias = next(
        each for each in changed.graph.initializer if each.name.endswith("layer.1.intermediate.dense.bias")
    )
    bias.raw_data = (onnx.numpy_helper.to_array(bias) + 1).tobytes()
    onnx.save(changed, tmp_path / "b.onnx")
    rewriter.report(EXPORTS / "bert" / "ts.onnx", tmp_path / "b.onnx", output=tmp_path / "diff.html")
    tab.open(tmp_path / "diff.html")
    assert tab.run(CRUMBS)[-2:] == ["1", "intermediate"]
    assert tab.run(CHOSEN) == "dense"
    assert tab.run("scrollY") == 0  # the banner is in view, with the name of the module
    assert "off by" in tab.run("document.querySelector('.box.first-difference').textContent")


def test_many_parts_are_folded_and_unfold(tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "large.html"
    steps = [("Relu", "Sigmoid", "Neg")[at % 3] for at in range(9_900)]
    lines = [f"  v{at + 1} = {operator}(v{at})" for at, operator in enumerate(steps)]
    text = "\n".join(["g (float[4] v0) => (float[4] y) {", *lines, "  y = Abs(v9900)", "}"])
    rewriter.report(model(text), output=path)
    tab.open(path)
    assert tab.run(NAMES) == ["3 parts \u00d73,300", "Abs", "v0", "output"]
    tab.run(f"{DESCEND}('3 parts \u00d73,300')")
    assert tab.run(CRUMBS)[-1] == "3 parts \u00d73,300"
    assert 2 < len(tab.run(NAMES)) < 130
    tab.press("Escape")
    assert tab.run(CHOSEN) == "3 parts \u00d73,300"
    assert faults(tab) == []
