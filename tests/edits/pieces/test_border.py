from __future__ import annotations

from rewriter import pipeline
from rewriter.cutting.check import Checking
from rewriter.cutting.extract import Target
from rewriter.edits.pieces.border import Border, borders_of
from rewriter.paths import ModulePath
from tests.build import model
from tests.edits.layers import BRANCHES, LOOP, whole


def border(text: object, module: str, call: int | None = None) -> Border:
    target = Target((ModulePath(module),), call)
    return borders_of(pipeline.load(text), [target], Checking(numbers=False))[target]  # type: ignore[arg-type]


def test_values_that_cross() -> None:
    found = border(whole(), "l.1")
    assert [each.value for each in found.inputs] == ["b", "size"]
    assert [each.value for each in found.outputs] == ["y"]
    assert len(found.nodes) == 3


def test_a_constant_that_other_modules_read_stays() -> None:
    graph = pipeline.load(whole()).graph
    found = border(whole(), "l.0")
    assert [graph.names[node] for node in sorted(found.nodes)] == ["/l.0/MatMul", "/l.0/Mul"]


def test_values_of_a_body_have_their_names_there() -> None:
    found = border(model(LOOP), "blk")
    assert [each.value for each in (*found.inputs, *found.outputs)] == ["s", "z"]
    assert found.body == 1


def test_each_branch_is_a_call() -> None:
    bodies = [border(model(BRANCHES), "a", call) for call in (0, 1)]
    assert [each.body for each in bodies] == [1, 2]
    assert [each.outputs[0].value for each in bodies] == ["o", "p"]
