"""Functions with operators of runtimes: the full checker takes the grouped file where it takes the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx
import onnxruntime
import pytest

import rewriter
from rewriter.basics.literals import FunctionsWord
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.passes.annotate import Annotate
from rewriter.passes.flatten import Flatten
from rewriter.refusals import Reason, Refusal
from rewriter.regions.opaque_nodes import Complaints
from rewriter.runtime.infer.value_types import RuntimeTypes, ask
from tests.passes.opaque_models import CASES, HEAD, parsed

MODES = pytest.mark.parametrize("mode", ["call", "shared"])
DEPTHS = pytest.mark.parametrize("depth", [1, 2, 0])


@pytest.fixture(autouse=True)
def ask_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One child process a model, whatever the mode and the depth."""

    def asked(model: onnx.ModelProto, names: Sequence[str], nodes: Sequence[int] = ()) -> RuntimeTypes:
        key = (model.graph.SerializeToString(deterministic=True), tuple(names), tuple(nodes))
        if key not in _ANSWERS:
            _ANSWERS[key] = ask(model, names, nodes)
        return _ANSWERS[key]

    monkeypatch.setattr("rewriter.passes.emission.boundary_types.ask", asked)


_ANSWERS: dict[object, RuntimeTypes] = {}


def loads(model: onnx.ModelProto) -> bool:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:
        return False
    return True


def refused(report: rewriter.Report) -> list[Refusal]:
    return [r for r in report.refusals if r.reason in (Reason.NO_TYPE, Reason.NO_KERNEL)]


@pytest.mark.parametrize("name", CASES)
@MODES
@DEPTHS
def test_the_checker_and_a_session_take_what_took_the_file(
    name: str, mode: FunctionsWord, depth: int
) -> None:
    source = parsed(name)
    onnx.checker.check_model(source, full_check=True)
    report = rewriter.rewrite(source, functions=mode, depth=depth, numbers=False)
    made = report.analysis.model
    assert made.functions
    onnx.checker.check_model(made, full_check=True)
    assert loads(made) == loads(source)


@pytest.mark.parametrize("name", CASES)
def test_flatten_takes_back_what_was_stated(name: str) -> None:
    flat = rewriter.rewrite(parsed(name), passes=(Annotate(),), numbers=False).analysis.model
    grouped = rewriter.rewrite(flat, functions="call", numbers=False).analysis.model
    again = rewriter.rewrite(grouped, passes=(Flatten(),), numbers=False).analysis.model
    assert list(again.graph.node) == list(flat.graph.node)
    assert sorted(i.name for i in again.graph.value_info) == sorted(i.name for i in flat.graph.value_info)
    shared = rewriter.rewrite(flat, functions="shared", numbers=False).analysis.model
    again = rewriter.rewrite(shared, passes=(Flatten(),), numbers=False).analysis.model
    assert not any(tags.INFERRED in metadata.read(info) for info in again.graph.value_info)


def test_types_come_from_onnxruntime_and_say_so() -> None:
    report = rewriter.rewrite(parsed("two modules"), functions="call", numbers=False)
    (info,) = report.analysis.model.graph.value_info
    assert (info.name, metadata.read(info)) == ("r", {tags.INFERRED: "true"})
    assert [dim.dim_value for dim in info.type.tensor_type.shape.dim] == [2, 3]
    assert not report.refusals


def test_types_of_the_file_are_kept_as_they_are() -> None:
    source = parsed("two modules")
    stated = onnx.helper.make_tensor_value_info("r", onnx.TensorProto.FLOAT, ["n", 3])
    source.graph.value_info.append(stated)
    made = rewriter.rewrite(source, functions="call", numbers=False).analysis.model
    assert list(made.graph.value_info) == [stated]


@MODES
def test_a_nested_value_without_a_type_keeps_one_node_in_the_main_graph(mode: FunctionsWord) -> None:
    report = rewriter.rewrite(parsed("nested"), functions=mode, numbers=False)
    (refusal,) = refused(report)
    assert (refusal.reason, refusal.module, refusal.witness) == (Reason.NO_TYPE, "m.a", "/m/a/Gelu")
    assert "--depth 1" in str(refusal)
    made = report.analysis.model
    assert "Gelu" in {node.op_type for node in made.graph.node}
    kept = rewriter.rewrite(parsed("nested"), functions=mode, depth=1, numbers=False)
    assert not refused(kept)
    assert "Gelu" not in {node.op_type for node in kept.analysis.model.graph.node}


def test_a_custom_operator_that_nobody_knows_stays_in_the_main_graph() -> None:
    report = rewriter.rewrite(parsed("custom"), functions="call", depth=1, numbers=False)
    assert [(r.module, r.reason) for r in refused(report)] == [("a", Reason.NO_TYPE)]
    stated = parsed("custom")
    stated.graph.value_info.append(onnx.helper.make_tensor_value_info("h", onnx.TensorProto.FLOAT, [2, 3]))
    assert not refused(rewriter.rewrite(stated, functions="call", depth=1, numbers=False))


def test_an_operator_that_loads_in_no_function_is_in_none() -> None:
    report = rewriter.rewrite(parsed("quantised concat"), functions="call")
    (refusal,) = refused(report)
    assert (refusal.reason, refusal.witness) == (Reason.NO_KERNEL, "/m/cat/QLinearConcat")
    assert "QLinearConcat" in {node.op_type for node in report.analysis.model.graph.node}
    assert report.verification.numeric is not None and report.verification.numeric.exact


def test_models_of_onnx_alone_ask_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*args: object, **kwargs: object) -> object:
        raise AssertionError("a child process was asked")

    monkeypatch.setattr("rewriter.passes.emission.boundary_types.ask", asked)
    assert rewriter.rewrite(parsed("plain"), functions="shared", numbers=False).analysis.model.functions
    with pytest.raises(AssertionError, match="was asked"):
        rewriter.rewrite(parsed("nested"), functions="shared", numbers=False)


@pytest.mark.parametrize(
    ("fault", "moved"),
    [
        (
            "Node (/m) Op (m) [ShapeInferenceError] (op_type:Abs, node name: /m/b/Abs): of rank 0",
            ["/m/b/Abs"],
        ),
        ("no session, for reasons of its own", ["/m/a/Gelu", "/m/b/Gelu"]),
    ],
    ids=["named", "unnamed"],
)
def test_what_a_trial_of_the_functions_shows_moves(
    fault: str, moved: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a Resize behind quantised operators, which fails in functions and not in a graph."""
    tried: list[onnx.ModelProto] = []

    def asked(model: onnx.ModelProto, names: Sequence[str], nodes: Sequence[int] = ()) -> RuntimeTypes:
        if not model.functions:
            return ask(model, names, nodes)
        tried.append(model)
        return RuntimeTypes(fault=fault if len(tried) == 1 else None)

    monkeypatch.setattr("rewriter.passes.emission.boundary_types.ask", asked)
    report = rewriter.rewrite(parsed("nested"), functions="call", depth=1, numbers=False)
    assert [refusal.witness for refusal in refused(report)] == moved
    assert {refusal.reason for refusal in refused(report)} == {Reason.NO_KERNEL}
    assert [len(model.functions) for model in tried] == [1, len(report.analysis.model.functions)]
    assert not any(tensor.raw_data for model in tried for tensor in model.graph.initializer)


def test_a_model_that_makes_no_session_is_grouped_without_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "rewriter.passes.emission.boundary_types.BoundaryTypes.runtime_types",
        RuntimeTypes(fault="an operator is unknown"),
    )
    report = rewriter.rewrite(parsed("custom"), functions="call", numbers=False)
    assert report.analysis.model.functions


def test_many_towers_side_by_side_cost_few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each begins before the opaque node of any other, so none of these is in front of the next tower."""
    towers = range(40)
    steps = [f'["/t.{n}/Neg"] a{n} = Neg (x)' for n in towers]
    steps += [f'["/t.{n}/a/Gelu"] b{n} = com.microsoft.Gelu (a{n})' for n in towers]
    steps += [f'["/t.{n}/b/Abs"] c{n} = Abs (b{n})' for n in towers]
    steps += [f'["/t.{n}/Sum"] y{n} = Add (c{n}, a{n})' for n in towers]
    results = ", ".join(f"float[2,3] y{n}" for n in towers)
    source = onnx.parser.parse_model(HEAD + f"g (float[2,3] x) => ({results}) {{ {' '.join(steps)} }}")
    looks = []
    first = Complaints.first

    def counted(self: Complaints, *args: Any) -> int | None:
        looks.append(1)
        return first(self, *args)

    monkeypatch.setattr(Complaints, "first", counted)
    report = rewriter.rewrite(source, functions="call", numbers=False)
    onnx.checker.check_model(report.analysis.model, full_check=True)
    assert len(refused(report)) == 40
    assert len(looks) < 20
