"""Names that nobody writes in good faith: counted, chosen and exported like any other."""

from __future__ import annotations

import csv
import io
import json

import pytest
from rich.console import Console

from rewriter import pipeline
from rewriter.errors import UsageError
from rewriter.insight.drawn_sizes import weigh, with_ancestors
from rewriter.insight.placement.device_settings import Wish, place
from rewriter.insight.selected_names import choose
from rewriter.insight.stats import collect
from rewriter.modules.selection import Selection
from rewriter.options.words import FORMS, Measure, NamedKind
from rewriter.views.exports.dot import dot
from rewriter.views.exports.model_explorer import model_explorer
from rewriter.views.exports.speedscope import speedscope
from rewriter.views.exports.table import table
from rewriter.views.json.selection import chosen_json, placing_json
from rewriter.views.json.stats import stats_json
from rewriter.views.name_formats import names_as
from rewriter.views.text.stats import print_stats
from tests.test_hostile import CASES
from tests.views.exports.test_exports import tokens


def plain(text: str) -> bool:
    """Whether a terminal shows a text as it is."""
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("name", CASES)
def test_names_are_chosen_and_written(name: str) -> None:
    analysis = pipeline.load(CASES[name][0])
    for what in NamedKind:
        chosen = choose(analysis, Selection(), what)
        json.loads(json.dumps(chosen_json(analysis, chosen)))
        for form in FORMS if what is NamedKind.NODES else ("lines", "json", "python"):
            try:
                assert plain(names_as(chosen, form))
            except UsageError:
                assert form == "trt"
    for module in analysis.tree:
        if module.total_nodes and module.path:
            try:
                placing = place(analysis, [Wish(module.path, "cpu")], Selection())
            except UsageError:
                continue  # a path that is no glob for itself: '..a'
            assert plain("".join(placing.settings.values()))
            json.loads(json.dumps(placing_json(placing)))


@pytest.mark.parametrize("name", CASES)
def test_views_show_no_control_character(name: str) -> None:
    analysis = pipeline.load(CASES[name][0])
    stats = collect(analysis, {})
    assert stats.flops == 2
    json.loads(json.dumps(stats_json(stats), allow_nan=False))
    console = Console(file=io.StringIO(), width=100)
    print_stats(stats, console)
    stream = console.file
    assert isinstance(stream, io.StringIO)
    assert plain(stream.getvalue())
    home = with_ancestors(analysis.tree, analysis.tree.modules)
    assert plain(dot(analysis, home))
    assert next(tokens(dot(analysis, home))) == "digraph"
    rows = table(analysis.tree, stats.figures)
    assert plain(rows)
    assert len(list(csv.reader(io.StringIO(rows)))) == len(analysis.tree) + 1
    weighing = weigh(analysis, Measure.NODES)
    for text in (speedscope(analysis, [weighing], home), model_explorer(analysis, weighing)):
        json.loads(text)
        assert plain(text)
