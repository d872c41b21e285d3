from __future__ import annotations

import onnx.parser
import pytest

import rewriter
from rewriter.evidence.claims import Source
from rewriter.modules.module import Parameter
from rewriter.modules.totals import totals
from rewriter.passes.annotate import Annotate
from rewriter.passes.group import Group
from rewriter.paths import ModulePath
from rewriter.views.coverage import coverage_phrases
from rewriter.views.summary import head_phrases, human, subtree_sizes, summarize
from tests.build import chain
from tests.views.models import analysis, placed, small, tree, unplaced


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (1234, "1.2k"),
        (99_949, "99.9k"),
        (99_950, "100k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (7_100_000_000, "7.1B"),
        (3 * 10**15, "3000T"),
    ],
)
def test_counts_are_short(count: int, text: str) -> None:
    assert human(count) == text


def test_a_shared_initializer_counts_once_in_every_module_that_holds_two_readers() -> None:
    tied = Parameter("weight", "w", (10,), "float")
    own = Parameter("bias", "b", (3,), "float")
    found = totals(tree([], parameters={"a.x": [tied], "a.y": [tied, own], "b": [tied]}).modules)
    assert {path: total for path, (_, total) in found.items()} == {
        "": 13,
        "a": 13,
        "a.x": 10,
        "a.y": 13,
        "b": 10,
    }


def test_subtree_sizes_count_the_top() -> None:
    sizes = subtree_sizes(tree([placed("a.b"), placed("a.c")]))
    assert sizes == {"": 4, "a": 3, "a.b": 1, "a.c": 1}


def test_head_names_the_file_its_exporter_and_its_size() -> None:
    assert head_phrases(summarize(small())) == [
        "small.onnx",
        "pytorch 2.13.0",
        "opset 20",
        "com.example 3",
        "5 nodes",
        "2 initializers",
    ]


def test_a_model_that_says_nothing_of_itself() -> None:
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["ai.onnx.ml" : 3]> g () => () {}')
    empty = analysis(model, tree([]), file=None)
    assert summarize(empty).opset is None
    assert head_phrases(summarize(empty))[:3] == ["(model in memory)", "unknown producer", "no opset"]
    assert coverage_phrases(empty.tree) == ["this model has no nodes"]


def test_initializers_of_bodies_count() -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 20]> g (bool c) => (float[1] y) {
            y = If (c) <then_branch = t () => (float[1] a) <float[1] w = {1}> { a = Neg(w) },
                        else_branch = e () => (float[1] a) <float[1] w = {2}> { a = Neg(w) }>
        }"""
    )
    summary = summarize(analysis(model, tree([None] * 3)))
    assert (summary.nodes, summary.initializers) == (3, 2)


def test_coverage_in_words() -> None:
    assert coverage_phrases(small().tree) == [
        "4 of 5 nodes placed",
        "3 by scope name",
        "1 by parameter",
        "1 with conflicting evidence",
    ]
    assert coverage_phrases(unplaced().tree) == [
        "no module hierarchy found in this file: none of 5 nodes could be placed"
    ]
    assert coverage_phrases(tree([placed(ModulePath("a"))]))[-1] == "no conflicts"
    guesses = [placed("a"), placed("a", 0, Source.DATAFLOW), placed("b", 0, Source.DATAFLOW)]
    assert coverage_phrases(tree(guesses)) == [
        "1 of 3 nodes placed",
        "2 guessed",
        "1 by scope name",
        "no conflicts",
    ]


def test_domains_of_functions_are_counted_not_listed() -> None:
    report = rewriter.rewrite(chain("/enc/a/Relu", "/dec/Relu"), passes=(Annotate(), Group()), numbers=False)
    assert head_phrases(summarize(report.analysis))[2:4] == ["opset 17", "3 functions"]
    flat = rewriter.load(chain("/enc/a/Relu"))
    assert head_phrases(summarize(flat))[2:] == ["opset 17", "1 node", "0 initializers"]
