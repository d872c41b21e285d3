"""Modules in bodies of If, Loop and Scan: cut from a copy that sees the first iteration."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest

from rewriter import pipeline
from rewriter.cutting.check import Checking
from rewriter.cutting.extract import Extraction, extract
from rewriter.errors import CannotCut
from tests.build import model
from tests.exports import EXPORTS

IF = """
g (float[2] x, bool c) => (float[2] y) <float[2] w = {1.0, 2.0}>
{
  ["/If"] y = If (c) <
    then_branch = t () => (float[2] p) { ["/a/Add"] q = Add (x, w)  ["/b/Mul"] p = Mul (q, x) },
    else_branch = e () => (float[2] p) { ["/c/Neg"] q = Neg (x)  ["/b_1/Mul"] p = Mul (q, w) }>
}
"""
LOOP = """
g (float[2] x) => (float[2] y)
{
  three = Constant <value = int64 {3}> ()
  ["/Loop"] y = Loop (three, "", x) <body =
    b (int64 step, bool go, float[2] state) => (bool go, float[2] next) {
    ["/a/Cast"] number = Cast <to = 1> (step)
    ["/a/Add"] more = Add (state, number)
    ["/b/Mul"] next = Mul (more, x)
  }>
}
"""
SCAN = """
g (float[2] start, float[2, 3] rows) => (float[2] y, float[2, 3] all)
{
  ["/Scan"] y, all = Scan (start, rows) <
    num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1], scan_input_directions = [1],
    body = b (float[2] state, float[2] row) => (float[2] next, float[2] out) {
      ["/a/Add"] next = Add (state, row)
      ["/b/Neg"] out = Neg (next)
    }>
}
"""
ONCE = Checking(sets=1)


def taken(text: str, module: str, call: int | None = None) -> Extraction:
    found = extract(pipeline.load(model(text)), [module], call=call, checking=ONCE)
    assert found.hoisted
    assert found.check is not None
    assert found.check.fault is None
    assert found.check.numeric is not None
    assert found.check.numeric.exact, found.check
    return found


def test_captures_of_a_branch_become_inputs() -> None:
    found = taken(IF, "a")
    assert (found.piece.inputs, found.piece.outputs) == (("x",), ("q",))
    assert [tensor.name for tensor in found.model.graph.initializer] == ["w"]
    onnx.checker.check_model(found.model, full_check=True)


def test_sparse_initializers_of_a_branch_are_copied() -> None:
    """The main graph has a value of the same name, which is another one."""
    source = model(
        IF.replace("<float[2] w = {1.0, 2.0}>", "<float[2] w = {5.0, 5.0}>").replace(
            '{ ["/c/Neg"] q = Neg (x)', '{ ["/c/Neg"] q = Sub (x, w)'
        )
    )
    branch = source.graph.node[0].attribute[0].g
    branch.sparse_initializer.append(
        onnx.helper.make_sparse_tensor(
            onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], [3.0]),
            onnx.helper.make_tensor("", onnx.TensorProto.INT64, [1], [1]),
            [2],
        )
    )
    found = extract(pipeline.load(source), ["a"], checking=ONCE)
    assert found.check is not None
    assert (found.check.verdict, found.check.fault_of_whole) == ("equal", True)  # onnx wants a dense input
    session = onnxruntime.InferenceSession(
        found.model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    assert session.run(None, {"x": np.zeros(2, np.float32)})[0].tolist() == [0, 3]


def test_what_a_branch_yields_is_an_output() -> None:
    assert taken(IF, "b", call=0).piece.outputs == ("p",)


def test_the_iteration_is_an_input() -> None:
    found = taken(LOOP, "a")
    assert (found.piece.inputs, found.piece.outputs) == (("step", "state"), ("more",))
    x = np.array([2, 3], np.float32)
    run = onnx.reference.ReferenceEvaluator(found.model)
    (more,) = run.run(None, {"step": np.array(4), "state": x})
    assert np.array_equal(np.asarray(more), [6, 7])


def test_what_is_carried_is_not_what_is_captured() -> None:
    found = taken(LOOP, "b")
    assert (found.piece.inputs, found.piece.outputs) == (("more", "x"), ("next",))
    both = taken(LOOP.replace("Mul (more, x)", "Mul (state, x)"), "b")
    assert both.piece.inputs == ("state", "x")


def test_what_is_scanned_is_one_slice() -> None:
    found = taken(SCAN, "a")
    assert found.piece.inputs == ("state", "row")
    assert [d.dim_value for d in found.model.graph.input[1].type.tensor_type.shape.dim] == [2]


def test_the_slice_is_the_first_along_the_axis_and_direction() -> None:
    from rewriter.cutting.extract import Target, plan_extractions
    from rewriter.paths import ModulePath

    batch = plan_extractions(pipeline.load(model(SCAN)), [Target((ModulePath("a"),))], ONCE)
    whole = batch.whole
    (found,) = batch.found.values()
    assert isinstance(found, Extraction)
    row = found.piece.recorded["row"]
    whole.graph.output.append(onnx.helper.make_tensor_value_info(row, 1, [2]))
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    session = onnxruntime.InferenceSession(whole.SerializeToString(), providers=["CPUExecutionProvider"])
    assert session.run([row], {"start": rows[:, 0], "rows": rows})[0].tolist() == [2, 5]


def test_a_module_that_owns_the_body_takes_it_whole() -> None:
    source = model(IF.replace('"/If"', '"/m/If"').replace("/a/", "/m/a/").replace("/b/", "/m/b/"))
    found = extract(pipeline.load(source), ["m"], checking=ONCE)
    assert not found.hoisted
    assert (found.piece.inputs, found.piece.outputs) == (("c", "x"), ("y",))
    assert len(found.model.graph.node) == 1


def test_bodies_within_bodies() -> None:
    path = EXPORTS / "scripted_if_loop" / "ts_dyn.onnx"
    found = extract(pipeline.load(path), ["control.cold"], checking=ONCE)
    assert found.hoisted
    assert found.check is not None
    assert found.check.verdict == "equal"


def test_ranks_that_nobody_states_are_measured() -> None:
    path = EXPORTS / "scripted_if_loop" / "ts.onnx"
    analysis = pipeline.load(path)
    found = extract(analysis, ["control.cell"], call=1, checking=ONCE)
    assert [len(info.type.tensor_type.shape.dim) for info in found.model.graph.input] == [2]
    with pytest.raises(CannotCut, match="has no type"):
        extract(analysis, ["control.cell"], call=1, checking=Checking(numbers=False))
