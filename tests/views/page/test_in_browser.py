"""The page in Chromium: what people do with it, and what a hostile file cannot."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

import rewriter
from benchmarks.synthetic import layered, two_layers
from tests.exports import EXPORTS
from tests.views.page.browser import MISSING, Tab, browser, executable
from tests.views.page.hostile import hostile_model

pytestmark = pytest.mark.skipif(
    executable() is None and os.environ.get("REWRITER_BROWSER") != "1",
    reason=f"the report was not opened in a browser: {MISSING}",
)

BERT = EXPORTS / "bert" / "ts.onnx"
PATHS = "[...document.querySelectorAll('.rows .row .column.module')].map(e => e.title)"
SELECTED = "document.querySelector('.rows .row[aria-selected=true] .column.module')?.title"
FOCUSED = "document.activeElement.querySelector('.column.module')?.title"
LAYER = "model.encoder.layer.0"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    rewriter.report(BERT, output=path)
    return path


def faults(tab: Tab) -> list[object]:
    """Exceptions, blocked resources, messages on the console, requests beyond the file itself, dialogs."""
    requests = [each["request"]["url"] for each in tab.happened("Network.requestWillBeSent")]
    return [
        *tab.happened("Runtime.exceptionThrown"),
        *tab.happened("Log.entryAdded"),
        *tab.happened("Runtime.consoleAPICalled"),
        *tab.happened("Page.javascriptDialogOpening"),
        *requests[1:],
    ]


def test_a_missing_browser_is_a_fault_where_one_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match="is on PATH"), browser(tmp_path):
        pass


def test_all_modules_are_there_and_nothing_is_wrong(tab: Tab, page: Path) -> None:
    tab.open(page)
    assert faults(tab) == []
    tab.click("#table .buttons button")  # unfold all
    tree = rewriter.tree(BERT)
    assert tab.run(PATHS) == [str(path) or "(root)" for path in tree.modules]
    assert tab.run("document.querySelectorAll('.cell').length") > 20


def test_search(tab: Tab, page: Path) -> None:
    tab.open(page)
    tab.press("/")
    assert tab.run("document.activeElement.id") == "search"
    tab.type("layer.1 query")
    wanted = "model.encoder.layer.1.attention.self.query"
    leading = [wanted.rsplit(".", n)[0] for n in range(6, 0, -1)]
    assert tab.run(PATHS) == ["(root)", *leading, wanted]
    assert tab.run("document.querySelector('.found').textContent") == "1 module found"
    assert tab.run("document.querySelector('.rows mark').textContent") == "query"
    tab.press("Enter")
    assert tab.run(FOCUSED) == tab.run(SELECTED) == wanted
    assert tab.run("document.querySelector('#detail .path').textContent") == wanted
    tab.press("/")
    tab.type("no such module")
    assert tab.run(PATHS) == []
    assert "No module" in tab.run("document.querySelector('.rows').textContent")
    tab.press("Escape")
    assert len(tab.run(PATHS)) > 10
    assert faults(tab) == []


def test_folding(tab: Tab, page: Path) -> None:
    tab.open(page)
    row = f".rows .row:has([title='{LAYER}'])"
    inside = [path for path in tab.run(PATHS) if path.startswith(f"{LAYER}.")]
    assert inside
    tab.click(f"{row} .fold")
    assert not [path for path in tab.run(PATHS) if path.startswith(f"{LAYER}.")]
    assert tab.run(f'document.querySelector("{row}").ariaExpanded') == "false"
    tab.click(f"{row} .fold")
    assert [path for path in tab.run(PATHS) if path.startswith(f"{LAYER}.")] == inside
    tab.click("#table .buttons button:last-child")  # fold all
    assert tab.run(PATHS) == ["(root)", "model"]


def test_keys_in_the_table(tab: Tab, page: Path) -> None:
    tab.open(page)
    tab.click(".rows .row")
    assert tab.run(FOCUSED) == "(root)"
    tab.press("ArrowDown", "ArrowDown")
    assert tab.run(FOCUSED) == tab.run(SELECTED) == "model.embeddings"
    assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab.press("ArrowLeft")
    assert "model.embeddings.word_embeddings" not in tab.run(PATHS)
    assert tab.run(FOCUSED) == "model.embeddings"
    tab.press("ArrowRight", "ArrowRight")
    assert tab.run(FOCUSED).startswith("model.embeddings.")
    tab.press("ArrowLeft", "ArrowLeft", "ArrowLeft")
    assert tab.run(FOCUSED) == "model"
    assert tab.run("document.querySelectorAll('.rows [tabindex=\"0\"]').length") == 1


def test_keys_in_the_icicle(tab: Tab, page: Path) -> None:
    tab.open(page)
    tab.run("document.querySelector('.cell').focus()")
    tab.press("ArrowDown", "ArrowDown", "ArrowRight", "ArrowDown", "ArrowDown")
    assert tab.run(SELECTED) == LAYER
    tab.press("Enter")
    wide = "document.querySelector('.cell[aria-selected=true]').getBoundingClientRect().width"
    assert tab.run(f"{wide} / document.querySelector('.canvas').clientWidth") > 0.99
    assert tab.run("[...document.querySelectorAll('.cell')].every(e => !e.title.includes('layer.1'))")
    tab.press("Escape", "Escape", "Escape", "Escape")
    assert tab.run("[...document.querySelectorAll('.cell')].some(e => e.title.includes('layer.1'))")
    assert faults(tab) == []


def test_roles(tab: Tab, page: Path) -> None:
    tab.open(page)
    tab.run("document.querySelector('#table').scrollIntoView()")  # cells out of view are not rendered
    tab.settle()
    tree = tab.ask("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in tree if not node["ignored"]]
    assert {"treegrid", "row", "gridcell", "columnheader", "tree", "treeitem", "radio", "searchbox"} <= set(
        roles
    )
    tab.ask("Accessibility.disable")


def test_sizes_follow_the_switch(tab: Tab, page: Path) -> None:
    tab.open(page)
    figure = "document.querySelector('.cell .cell-figure').textContent"
    before = tab.run(figure)
    tab.click("input[value=nodes]")
    assert tab.run(figure) == "151" != before
    assert tab.run("document.querySelector('.head .share').textContent") == "Share of nodes"
    assert tab.run("document.querySelector('input[value=time]').disabled")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1440, 1100, 1024, 880, 390])
def test_nothing_sticks_out(tab: Tab, page: Path, width: int, dark: bool) -> None:
    tab.open(page, width=width, height=844, dark=dark)
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    names = "[...document.querySelectorAll('.rows .name')].map(e => e.clientWidth / e.scrollWidth)"
    assert min(tab.run(names)) > 0.5  # a name may be cut, never gone
    light = tab.run("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)[0] > 128")
    assert light is not dark
    assert faults(tab) == []


def test_a_phone_unfolds_the_detail(tab: Tab, page: Path) -> None:
    tab.open(page, width=390, height=844)
    shown = "getComputedStyle(document.querySelector('.detail-content')).display"
    assert tab.run(shown) == "none"
    tab.click(".handle")
    assert tab.run(shown) == "grid"
    assert tab.run("document.querySelector('.handle').ariaExpanded") == "true"


def test_print(tab: Tab, page: Path) -> None:
    tab.open(page)
    tab.ask("Emulation.setEmulatedMedia", media="print")
    for selector in (".controls", ".search", ".buttons"):
        assert tab.run(f"getComputedStyle(document.querySelector('{selector}')).display") == "none"
    assert len(tab.ask("Page.printToPDF")["data"]) > 10_000
    tab.ask("Emulation.setEmulatedMedia", media="")


def test_a_hostile_file_runs_nothing(tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    model = hostile_model()
    rewriter.report(model, model, output=path, numbers=False)
    for width in (1440, 390):
        tab.open(path, width=width)
        before = tab.run("Object.keys(globalThis).length")
        tab.click("#table .buttons button")
        count = tab.run("document.querySelectorAll('.rows .row').length")
        assert count > 10
        for number in range(count):
            tab.run(f"document.querySelectorAll('.rows .row')[{number}].click()")
        tab.run("document.querySelectorAll('.cell').forEach(e => e.click())")
        tab.run("document.querySelectorAll('.cell')[0].click()")
        boxes = tab.run("document.querySelectorAll('.box').length")
        assert boxes > 10
        for number in range(boxes):
            tab.run(f"document.querySelectorAll('.box')[{number}].click()")
            tab.run(f"document.querySelectorAll('.box')[{number}].dispatchEvent(new MouseEvent('dblclick'))")
            tab.run("document.querySelectorAll('.box').forEach(e => e.click())")
            tab.run("document.querySelector('.graph-crumbs button').click()")
        tab.press("/")
        tab.type("<img")
        tab.press("Enter")
        assert tab.run("typeof pwned") == "undefined"
        assert tab.run("Object.keys(globalThis).length") == before
        assert tab.run("document.querySelectorAll('script').length") == 2
        assert tab.run("document.querySelectorAll('img, iframe, object, embed, link, a, b, i').length") == 0
        drawn = "[...new Set([...document.querySelectorAll('svg, svg *')].map(e => e.localName))].sort()"
        assert tab.run(drawn) == ["g", "path", "svg"]
        assert tab.run("document.documentElement.scrollWidth <= innerWidth")
        assert faults(tab) == []


def test_the_policy_holds_against_a_script_that_got_in(tab: Tab, page: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    text = page.read_text("utf-8")
    broken.write_text(
        text.replace("<main>", "<script>pwned=1</script><img src=x onerror=pwned=1><main>"), "utf-8"
    )
    tab.open(broken)
    assert tab.run("typeof pwned") == "undefined"
    assert tab.happened("Log.entryAdded")  # it was blocked, and said


def test_a_large_model_opens_and_unfolds(tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "large.html"
    report = rewriter.report(layered(two_layers("ts_dyn"), 10_000), output=path)
    tab.open(path)
    tab.click("#table .buttons button")
    assert tab.run("document.querySelectorAll('.rows .row').length") >= len(report.findings.analysis.tree)
    took = tab.run(
        "(() => { const t = performance.now(); const e = document.getElementById('search');"
        "e.value = 'mlp'; e.dispatchEvent(new Event('input')); document.body.offsetHeight;"
        "return performance.now() - t })()"
    )
    assert took < 5000
    assert faults(tab) == []


def test_a_model_without_anything(tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "empty.html"
    rewriter.report(onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], [])), output=path)
    tab.open(path)
    assert "no nodes and no parameters" in tab.run("document.body.textContent")
    assert json.loads(tab.run("JSON.stringify(" + PATHS + ")")) == ["(root)"]
    assert faults(tab) == []


def test_banners_claim_what_was_checked(tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "banners.html"
    kinds = "[...document.querySelectorAll('.banner')].map(e => e.className)"
    text = "[...document.querySelectorAll('.banner')].map(e => e.textContent).join(' ')"
    rewriter.report(BERT, BERT, output=path, numbers=False)
    tab.open(path)
    assert tab.run(kinds) == ["banner unchecked", "banner "]
    assert "numbers not compared: not asked for" in tab.run(text)
    rewriter.report(BERT, BERT, original=BERT, output=path)
    tab.open(path)
    assert tab.run(kinds) == ["banner holds", "banner holds"]
    assert "byte for byte" in tab.run(text)
    rewriter.report(BERT, original=EXPORTS / "bert" / "dy.onnx", output=path, numbers=False)
    tab.open(path)
    assert tab.run(kinds) == ["banner differs"]
    assert "Not proved equal to dy.onnx" in tab.run(text)
    assert "numbers not asked for" in tab.run(text)


def test_what_is_not_all_is_not_said_to_be(tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "most.html"
    model = layered(two_layers("ts_dyn"), 2_000)
    model.graph.node.append(onnx.helper.make_node("Shape", [model.graph.input[0].name], ["nobody"]))
    report = rewriter.report(model, output=path)
    assert 0.995 < report.findings.analysis.tree.coverage < 1
    tab.open(path)
    assert ">99% placed" in tab.run("document.querySelector('.tiles').textContent")
    assert tab.run(PATHS)[-1] == "(unplaced)"


def test_modules_may_nest_as_deep_as_they_like(tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "deep.html"
    node = onnx.helper.make_node(
        "Relu", ["x"], ["y"], name="/" + "/".join(f"a{n}" for n in range(190)) + "/Relu"
    )
    ends = [onnx.helper.make_tensor_value_info(name, 1, [1]) for name in "xy"]
    report = rewriter.report(
        onnx.helper.make_model(onnx.helper.make_graph([node], "deep", ends[:1], ends[1:]))
    )
    deepest = max(module.depth for module in report.findings.analysis.tree)
    assert deepest == 190
    path.write_text(report.html, "utf-8")
    tab.open(path)
    tab.click("#table .buttons button")
    tab.run("[...document.querySelectorAll('.rows .row')].at(-1).click()")
    assert tab.run("document.querySelectorAll('.rows .row').length") == deepest + 1
    assert tab.run("document.querySelector('#detail .path').textContent").startswith("….a130.a131")
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    assert faults(tab) == []
