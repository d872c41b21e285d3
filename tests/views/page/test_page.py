"""The page as text: it needs nothing else, holds no markup from the file, and stays small."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import onnx
import pytest

import rewriter
from benchmarks.synthetic import layered, two_layers
from rewriter.views.page.html_report import PageReport
from rewriter.views.page.page import as_data
from tests.evidence.folded import Product, products
from tests.exports import EXPORTS
from tests.views.page.hostile import NAMES, hostile_model

BERT = EXPORTS / "bert" / "ts.onnx"
TAGS = ["html", "head", *["meta"] * 6, "title", "style", "body", "noscript", "p"]
TAGS += ["header", "main", "section", "div", "div", "section", "section", "aside", "script", "script"]


class Page(HTMLParser):
    """The elements of a page, and the text in each kind."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append((self.tags[-1][0] if self.tags else "", data))

    @property
    def policy(self) -> str:
        return next(
            found["content"] or ""
            for tag, found in self.tags
            if tag == "meta" and found.get("http-equiv") == "Content-Security-Policy"
        )


def facts_of(report: PageReport) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="facts">(.*?)</script>', report.html, re.DOTALL)
    assert found
    facts: dict[str, Any] = json.loads(found[1])
    return facts


def hash_of(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_policy_lets_only_the_page_itself_in() -> None:
    page = Page(rewriter.report(BERT).html)
    assert [tag for tag, _ in page.tags] == TAGS
    parts = dict(part.strip().split(" ", 1) for part in page.policy.split(";"))
    assert parts.keys() == {"default-src", "base-uri", "form-action", "style-src", "script-src"}
    assert {parts[name] for name in ("default-src", "base-uri", "form-action")} == {"'none'"}
    style = next(text for tag, text in page.texts if tag == "style")
    script = [text for tag, text in page.texts if tag == "script" and text.strip()][-1]
    assert parts["style-src"] == f"'sha256-{hash_of(style)}'"
    assert parts["script-src"] == f"'sha256-{hash_of(script)}'"


def test_nothing_is_fetched_and_nothing_is_parsed() -> None:
    html = rewriter.report(BERT).html
    own = html[: html.index('id="facts"')] + html[html.index("</script>") :]
    own = own.replace('"http://www.w3.org/2000/svg"', "")  # the name of the elements of SVG, not an address
    for word in (
        "http:",
        "https:",
        "url(",
        "@import",
        "<link",
        "<img",
        "src=",
        "fetch(",
        "XMLHttp",
        "WebSocket",
    ):
        assert word not in own
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "Function(",
        "style=",
    ):
        assert word not in own


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_data_cannot_end_its_element(name: str) -> None:
    text = as_data([name])
    assert json.loads(text) == [name]
    assert not set(text) & set("<>&\u2028\u2029\x00\x1b")


def test_a_hostile_file_leaves_no_markup() -> None:
    report = rewriter.report(hostile_model())
    page = Page(report.html)
    assert [tag for tag, _ in page.tags] == TAGS
    assert report.html.count("<script") == 2
    names = facts_of(report)["modules"]["name"]  # they did arrive
    assert {"</script><script>pwned=1;alert(1)</script>", "<img src=x onerror=pwned=1>", "__proto__"} <= set(
        names
    )
    assert len(report.html) < 200_000
    assert "<script" not in report.svg
    assert "<img" not in report.svg


def test_facts_of_a_flat_file() -> None:
    report = rewriter.report(BERT)
    facts = facts_of(report)
    tree, columns = report.findings.analysis.tree, facts["modules"]
    assert {len(column) for column in columns.values()} == {len(tree)}
    assert sum(columns["nodes"]) == tree.placed
    assert sum(columns["parameters"]) == facts["head"]["parameters"]
    assert facts["measures"] == ["parameters", "nodes", "flops"]
    assert facts["verified"] is None
    assert facts["functions"] == []
    names = [columns["name"][0]]
    for number, parent in enumerate(columns["parent"][1:], start=1):
        assert parent < number
        above = names[parent]
        names.append(f"{above}.{columns['name'][number]}" if above else columns["name"][number])
    assert names == [str(path) for path in tree.modules]
    query = names.index("model.encoder.layer.0.attention.self.query")
    assert {each[0] for each in columns["weights"][query]} == {"weight", "bias"}
    assert facts["texts"][columns["outputs"][query][1]] == "float32 [2, 7, 128]"


def test_a_folded_norm_says_where_it_is() -> None:
    facts = facts_of(rewriter.report(products([Product(("bn",), "conv.weight")])))
    assert facts["modules"]["name"] == ["", "conv", "bn"]
    assert facts["modules"]["folding"] == ["", "", "folded into conv"]


def test_the_banner_says_what_was_checked(tmp_path: Path) -> None:
    same = tmp_path / "same.onnx"
    rewriter.rewrite(BERT, same, numbers=False)
    told = facts_of(rewriter.report(same, original=BERT, numbers=False))["verified"]
    assert told["verdict"] == "equal"
    assert told["original"] == "ts.onnx"
    assert any("byte for byte" in phrase for phrase in told["phrases"])
    assert any("not asked for" in phrase for phrase in told["phrases"])
    other = EXPORTS / "bert" / "dy.onnx"
    told = facts_of(rewriter.report(other, original=BERT, numbers=False))["verified"]
    assert told["verdict"] == "not proved"


def test_functions_of_a_grouped_file(tmp_path: Path) -> None:
    grouped = tmp_path / "grouped.onnx"
    rewriter.rewrite(BERT, grouped, functions="shared", numbers=False)
    report = rewriter.report(grouped)
    facts = facts_of(report)
    declared = {(each.domain, each.name) for each in onnx.load(grouped).functions}
    assert {(each["domain"], each["name"]) for each in facts["functions"]} == declared
    layers = [each for each in report.findings.functions if any(p.endswith("layer.0") for p in each.modules)]
    assert [path.name for path in layers[0].modules] == ["0", "1"]
    query = [
        each
        for each in report.findings.functions
        if any(p.endswith("0.attention.self.query") for p in each.modules)
    ]
    assert any(path.endswith("1.attention.self.query") for path in query[0].modules)


def test_differences(tmp_path: Path) -> None:
    model = onnx.load(BERT)
    bias = next(
        each for each in model.graph.initializer if each.name.endswith("layer.1.intermediate.dense.bias")
    )
    bias.raw_data = (onnx.numpy_helper.to_array(bias) + 1).tobytes()
    onnx.save(model, tmp_path / "b.onnx")
    report = rewriter.report(BERT, tmp_path / "b.onnx")
    diff = facts_of(report)["diff"]
    paths = list(report.findings.analysis.tree.modules)
    assert paths[diff["first"]["module"]] == "model.encoder.layer.1.intermediate.dense"
    assert not diff["equal"]
    changed = [paths[int(number)] for number, each in diff["modules"].items() if "changes" in each]
    assert changed == ["model.encoder.layer.1.intermediate.dense"]


@pytest.mark.parametrize("variant", ["ts_dyn", "dy_dyn"])
def test_ten_thousand_nodes_take_less_than_a_megabyte(variant: str) -> None:
    model = layered(two_layers(variant), 10_000)
    assert len(model.graph.node) > 9_800
    report = rewriter.report(model)
    assert len(report.html.encode()) < 1_000_000
    assert len(report.svg.encode()) < 1_000_000


def test_a_model_without_anything() -> None:
    empty = onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], []))
    report = rewriter.report(empty)
    assert facts_of(report)["measures"] == []
    assert "<svg" in report.svg
    with pytest.raises(rewriter.RewriterError, match="time"):
        rewriter.report(empty, by="time")
