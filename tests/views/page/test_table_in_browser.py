"""The tools of the table in Chromium: order, least share, command, CSV and JSON."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

import rewriter
from rewriter.paths import ROOT
from tests.exports import EXPORTS
from tests.views.page.browser import MISSING, Tab, browser, executable

pytestmark = pytest.mark.skipif(
    executable() is None and os.environ.get("REWRITER_BROWSER") != "1",
    reason=f"the table was not opened in a browser: {MISSING}",
)

BERT = EXPORTS / "bert" / "ts.onnx"
PATHS = "[...document.querySelectorAll('.rows .row .column.module')].map(e => e.title)"
BELOW = "model.encoder.layer.0."
FIGURES = {"attention": 66_304, "intermediate": 66_048, "output": 65_920}


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    rewriter.report(BERT, output=path)
    return path


def test_siblings_are_sorted_by_a_column(tab: Tab, page: Path) -> None:
    tab.open(page)
    before = tab.run(PATHS)
    sort = "[...document.querySelectorAll('.sort')].find(e => e.textContent === 'Params').click()"

    def order() -> list[str]:
        return [each for path in tab.run(PATHS) if (each := path.removeprefix(BELOW)) in FIGURES]

    tab.run(sort)
    assert order() == list(FIGURES)
    assert tab.run("document.querySelector('[aria-sort]').getAttribute('aria-sort')") == "descending"
    tab.run(sort)
    assert order() == list(FIGURES)[::-1]
    tab.run(sort)
    assert tab.run(PATHS) == before


def test_a_least_share_leaves_out_small_modules(tab: Tab, page: Path) -> None:
    tab.open(page)
    tab.run(
        "(() => { const e = document.querySelector('.tools select'); e.value = '0.1';"
        " e.dispatchEvent(new Event('change')) })()"
    )
    paths = tab.run(PATHS)
    assert "model.encoder.layer.0.attention" in paths
    assert "model.pooler" not in paths


def test_modules_as_command_csv_and_json(tab: Tab, tmp_path: Path) -> None:
    page, folder, source = tmp_path / "page.html", tmp_path / "saved", tmp_path / "it's.onnx"
    model = onnx.load(BERT)
    model.graph.node[-1].name = "/=cmd'/Tanh"
    onnx.save(model, source)
    report = rewriter.report(source, output=page)
    paths = [str(path) for path in report.findings.analysis.tree.modules]
    assert "=cmd'" in paths
    tab.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder), eventsEnabled=True)
    tab.open(page)
    tab.run("[...document.querySelectorAll('.buttons button')][0].click()")
    tab.run(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async text => copied = text}}), 0"
    )
    for path, pattern in (("=cmd'", r"'=cmd'\'''"), ("model.encoder", "model.encoder")):
        tab.run(f"document.querySelectorAll('.rows .row')[{PATHS}.indexOf({json.dumps(path)})].click()")
        tab.click(".tools button")
        assert tab.run("copied") == rf"rewriter select 'it'\''s.onnx' {pattern}"
    for number in (2, 3):
        tab.events.clear()
        tab.click(f".tools button:nth-of-type({number})")
        while not any(each["state"] == "completed" for each in tab.happened("Page.downloadProgress")):
            tab.settle()
    found = {each.suffix: each for each in folder.iterdir()}
    records = json.loads(found[".json"].read_text("utf-8"))
    assert [each["path"] for each in records] == paths
    assert records[0]["parameters"] == report.findings.stats.figures[ROOT].parameters[1]
    with found[".csv"].open(newline="") as file:
        assert "'=cmd'" in [row["path"] for row in csv.DictReader(file)]  # no formula for a spreadsheet
