"""Modules become nodes of one operator, and `flatten` restores them."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import pytest
from onnx import ModelProto, helper

import rewriter
from rewriter.edits.operator_name import OperatorName
from rewriter.edits.replacing_pass import Replace
from rewriter.errors import CannotReplace, UsageError
from rewriter.modules.selection import Selection
from rewriter.passes.annotate import Annotate
from rewriter.passes.flatten import Flatten
from rewriter.passes.unshare import Unshare
from rewriter.refusals import Reason
from tests.build import model

FUSED = OperatorName("my.domain", "Fused")

TWO = """
g (float[2, 2] x, float[2, 2] m) => (float[2, 2] y)
<float[2, 2] "l.0.b.weight" = {1.0, 2.0, 3.0, 4.0}, float[2, 2] "l.0.a.weight" = {0.5, 0.0, 0.0, 2.0},
 float[2, 2] "l.1.b.weight" = {1.0, 0.0, 3.0, 4.0}, float[2, 2] "l.1.a.weight" = {0.5, 1.0, 0.0, 2.0}>
{
  ["/l.0/a/MatMul"] a = MatMul (x, "l.0.a.weight")
  ["/l.0/Add"] b = Add (m, a)
  ["/l.0/LeakyRelu"] c = LeakyRelu <alpha = 0.1> (b)
  ["/l.0/two"] two = Constant <value = float[1] {2.0}> ()
  ["/l.0/Mul"] d = Mul (two, c)
  ["/l.0/b/MatMul"] e = MatMul (d, "l.0.b.weight")
  ["/Neg"] f = Neg (e)
  ["/l.1/a/MatMul"] g = MatMul (f, "l.1.a.weight")
  ["/l.1/Add"] h = Add (m, g)
  ["/l.1/LeakyRelu"] i = LeakyRelu <alpha = 0.2> (h)
  ["/l.1/two"] three = Constant <value = float[2] {3.0, 5.0}> ()
  ["/l.1/Mul"] j = Mul (three, i)
  ["/l.1/b/MatMul"] y = MatMul (j, "l.1.b.weight")
}
"""


def replaced(proto: ModelProto, *modules: str, operator: OperatorName = FUSED) -> ModelProto:
    """The model after the pass; raises unless the certificate holds and onnx's full checker accepts it."""
    step = Replace(operator, Selection(only=modules))
    made = rewriter.rewrite(proto, passes=(Annotate(), Unshare(), step), numbers=False).analysis.model
    onnx.checker.check_model(made, full_check=True)
    return made


def stored(proto: ModelProto) -> bytes:
    return proto.SerializeToString(deterministic=True)


def assert_flattens(made: ModelProto, proto: ModelProto) -> None:
    flat = rewriter.rewrite(made, passes=(Flatten(),), numbers=False).analysis.model
    assert stored(flat) == stored(rewriter.rewrite(proto, numbers=False).analysis.model)


def refused(proto: ModelProto, *modules: str) -> str:
    with pytest.raises(CannotReplace) as error:
        replaced(proto, *modules)
    return str(error.value)


def nodes(made: ModelProto) -> list[onnx.NodeProto]:
    return [node for node in made.graph.node if node.op_type == "Fused"]


def attributes(node: onnx.NodeProto) -> dict[str, object]:
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def test_inputs_are_activations_by_first_use_then_parameters_by_name() -> None:
    proto = model(TWO)
    made = replaced(proto, "l.*")
    (function,) = made.functions
    assert (function.domain, function.name) == ("my.domain", "Fused")
    assert list(function.input) == ["input", "m", "a.weight", "b.weight"]
    assert [list(node.input) for node in nodes(made)] == [
        ["x", "m", "l.0.a.weight", "l.0.b.weight"],
        ["f", "m", "l.1.a.weight", "l.1.b.weight"],
    ]
    assert [node.name for node in nodes(made)] == ["/l.0", "/l.1"]
    assert {each.domain: each.version for each in made.opset_import} == {"": 17, "my.domain": 1}
    assert_flattens(made, proto)


def test_values_that_differ_are_attributes_and_the_others_stay_in_the_body() -> None:
    made = replaced(model(TWO), "l.*")
    (function,) = made.functions
    assert list(function.attribute) == ["alpha", "value"]
    first, second = map(attributes, nodes(made))
    assert (first["alpha"], second["alpha"]) == (pytest.approx(0.1), pytest.approx(0.2))
    constants = [onnx.numpy_helper.to_array(each["value"]).tolist() for each in (first, second)]  # type: ignore[arg-type]
    assert constants == [[2.0], [3.0, 5.0]]
    same = replaced(model(TWO.replace("0.2>", "0.1>").replace("[2] {3.0, 5.0}", "[1] {2.0}")), "l.*")
    assert not same.functions[0].attribute
    assert any(node.op_type == "Constant" for node in same.functions[0].node)


def test_onnxruntime_runs_attributes_of_the_operator() -> None:
    report = rewriter.rewrite(
        model(TWO), passes=(Annotate(), Unshare(), Replace(FUSED, Selection(only=("l.*",)))), numbers=True
    )
    assert report.verification.numeric is not None
    assert report.verification.numeric.exact


def test_one_module_has_one_node_and_local_names() -> None:
    proto = model(TWO)
    made = replaced(proto, "l.1")
    assert [node.name for node in nodes(made)] == ["/l.1"]
    assert list(made.functions[0].input) == ["f", "m", "a.weight", "b.weight"]
    assert made.functions[0].doc_string == "1 call: l.1"
    assert_flattens(made, proto)


def test_numbers_in_names_of_parameters_count_as_numbers() -> None:
    weights = [f'float[2] "m.w.{number}" = {{1.0, {number}.0}}' for number in range(11)]
    adds = [f'["/m/Add_{n}"] v{n} = Add ({f"v{n - 1}" if n else "x"}, "m.w.{n}")' for n in range(11)]
    text = "\n".join(["g (float[2] x) => (float[2] y)", f"<{', '.join(reversed(weights))}> {{", *adds])
    made = replaced(model(f"{text}\n y = Neg (v10) }}"), "m")
    assert list(made.functions[0].input)[1:] == [f"w.{number}" for number in range(11)]


@pytest.mark.parametrize("calls", [2, 3])
def test_every_call_of_a_module_becomes_a_node(calls: int) -> None:
    steps = ['["/b/Relu"] v0 = Relu (x) ["/b/Neg"] w0 = Neg (v0)']
    for n in range(1, calls):
        steps.append(f'["/b_{n}/Relu"] v{n} = Relu (w{n - 1}) ["/b_{n}/Neg"] w{n} = Neg (v{n})')
    proto = model(f"g (float[2] x) => (float[2] y) {{ {' '.join(steps)} y = Abs (w{calls - 1}) }}")
    for number, node in enumerate(proto.graph.node[:-1]):
        node.metadata_props.add(key="rewriter.module", value="b")
        node.metadata_props.add(key="rewriter.call", value=str(number // 2))
    made = replaced(proto, "b")
    assert len(nodes(made)) == calls
    assert_flattens(made, proto)


def test_a_module_in_bodies_becomes_a_node_in_each() -> None:
    proto = model(
        """g (float[2] x, bool c) => (float[2] y) {
          ["/If"] y = If (c) <
            then_branch = t () => (float[2] a) { ["/b/Relu"] p = Relu (x) ["/b/Neg"] a = Neg (p) },
            else_branch = e () => (float[2] d) { ["/b/Relu_1"] q = Relu (x) ["/b/Neg_1"] d = Neg (q) }>
        }"""
    )
    made = replaced(proto, "b")
    bodies = [each.g for each in made.graph.node[0].attribute]
    assert [[node.op_type for node in body.node] for body in bodies] == [["Fused"], ["Fused"]]
    assert_flattens(made, proto)


def test_functions_of_other_tools_stay_and_are_called_from_the_body() -> None:
    proto = model(
        """g (float[2] x) => (float[2] y) {
          ["/l.0/Call"] a = other.F (x)
          ["/l.0/Neg"] b = Neg (a)
          ["/l.1/Call"] c = other.F (b)
          ["/l.1/Neg"] y = Neg (c)
        }
        <domain: "other", opset_import: ["" : 17]> F (x) => (y) { y = Relu (x) }"""
    )
    proto.opset_import.add(domain="other", version=1)
    made = replaced(proto, "l.*")
    assert [(each.domain, each.name) for each in made.functions] == [("other", "F"), ("my.domain", "Fused")]
    assert_flattens(made, proto)


def chained(*operators: Sequence[str]) -> ModelProto:
    """Modules `l.0`, `l.1` ... one after the other, each of these operators."""
    steps, value = [], "x"
    for number, each in enumerate(operators):
        for place, operator in enumerate(each):
            steps.append(f'["/l.{number}/{operator}"] v{number}{place} = {operator} ({value})')
            value = f"v{number}{place}"
    return model(f"g (float[2] x) => (float[2] y) {{ {' '.join(steps)} y = Abs ({value}) }}")


def test_other_bodies_are_refused_with_the_first_difference() -> None:
    told = refused(chained(["Relu", "Neg"], ["Relu", "Exp"], ["Relu", "Exp"]), "l.*")
    assert "l.1 and 1 more call: other operator than l.0 (node /l.1/Exp, Exp, there /l.0/Neg, Neg)" in told


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ("Transpose <perm = [0]>", "Transpose", "(node /l.1/a without perm, there /l.0/a with perm)"),
        (
            "Cast <to = 1>",
            "Cast <to = 1, saturate = 0>",
            "/l.1/a with saturate, there /l.0/a without saturate)",
        ),
        (
            "Constant <value_floats = [1.0, 2.0]>",
            "Constant <value = float[2] {1, 2}>",
            "(node /l.1/a with value, there /l.0/a without value)",
        ),
    ],
)
def test_an_attribute_that_differs_is_named(one: str, other: str, says: str) -> None:
    text = "g (float[2] x) => (float[2] y) {{ {} ['/l.0/b'] v = {} (u, x) {} ['/l.1/b'] y = {} (w, v) }}"
    steps = [
        f'["/l.{at}/a"] {to} = {op} ({of})' for at, to, op, of in ((0, "u", one, "x"), (1, "w", other, "v"))
    ]
    if one.startswith("Constant"):
        steps = [step.rpartition("(")[0] + "()" for step in steps]
    proto = model(text.format(steps[0], "Add", steps[1], "Add").replace("'", '"'))
    assert says in refused(proto, "l.*")


def test_a_node_that_others_read_too_stays_outside_and_is_named() -> None:
    proto = model(
        """g (float[2] x) => (float[2] y) {
          ["/m/Relu"] a = Relu (x)
          ["/o/Neg"] b = Neg (a)
          ["/m/Add"] y = Add (a, b)
        }"""
    )
    step = Replace(FUSED, Selection(only=("m",)))
    report = rewriter.rewrite(proto, passes=(Annotate(), Unshare(), step), numbers=False)
    assert [(each.module, each.reason, each.witness) for each in report.refusals] == [
        ("m", Reason.READ_OUTSIDE, "/m/Relu")
    ]
    assert [node.op_type for node in report.analysis.model.functions[0].node] == ["Add"]


def test_a_module_that_cannot_be_one_node_is_refused_with_a_node_on_the_way() -> None:
    proto = model(
        """g (float[2] x) => (float[2] y) {
          ["/n/Exp"] n = Exp (x)
          ["/m/Relu"] a = Relu (n)
          ["/m/Abs"] c = Abs (a)
          ["/o/Neg"] b = Neg (c)
          ["/m/Add"] y = Add (a, b)
        }"""
    )
    assert "not one node: m: values leave it and come back" in refused(proto, "m")


@pytest.mark.parametrize(
    ("modules", "said"),
    [("l", "l is never called, so no node can replace it; its parts are l"), ("", "root")],
)
def test_what_has_no_call_is_refused(modules: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        replaced(chained(["Relu", "Neg"], ["Relu", "Neg"]), modules)


def test_functions_of_an_earlier_run_are_flattened_first() -> None:
    proto = chained(["Relu", "Neg"], ["Exp", "Neg"])
    made = replaced(proto, "l.0")
    with pytest.raises(UsageError, match="'rewriter flatten' it first"):
        replaced(made, "l.1")
