"""Functions of modules that run inside bodies of If, Loop and Scan: made, shared, flattened, refused."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
import onnx.checker
import pytest
from onnx import GraphProto, ModelProto, NodeProto

import rewriter
from rewriter import pipeline
from rewriter.model.index.graph import graphs_of
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.flatten import Flatten
from rewriter.passes.group import Group
from rewriter.passes.share import Share
from rewriter.passes.unshare import Unshare
from rewriter.refusals import Reason
from tests.build import model

BRANCHES = """
g (float[2] x, bool c) => (float[2] y) <float[2] w = {1.0, 2.0}>
{
  ["/pre/Neg"] p = Neg (x)
  ["/If"] y = If (c) <
    then_branch = t () => (float[2] a)
      { ["/enc/fc/Mul"] m = Mul (p, w)  ["/enc/fc/Neg"] n = Neg (m)  ["/enc/Abs"] a = Abs (n) },
    else_branch = e () => (float[2] a)
      { ["/enc/fc/Mul"] m = Mul (x, w)  ["/enc/fc/Neg"] n = Neg (m)  ["/enc/Abs"] a = Abs (n) }>
}
"""
"""Both branches use the same names; a value is captured."""

REPEATED = """
g (float[2] x, bool c) => (float[2] y) <float[2] w0 = {1.0, 2.0}, float[2] w1 = {3.0, 4.0}>
{
  ["/b/b.0/If"] h = If (c) <
    then_branch = t () => (float[2] a) { ["/b/b.0/fc/Mul"] m = Mul (x, w0)  ["/b/b.0/fc/Abs"] a = Abs (m) },
    else_branch = e () => (float[2] b)
      { ["/b/b.0/fc/Mul_1"] n = Mul (x, w0)  ["/b/b.0/fc/Abs_1"] b = Abs (n) }>
  ["/b/b.1/If"] y = If (c) <
    then_branch = t () => (float[2] d) { ["/b/b.1/fc/Mul"] r = Mul (h, w1)  ["/b/b.1/fc/Abs"] d = Abs (r) },
    else_branch = e () => (float[2] f)
      { ["/b/b.1/fc/Mul_1"] s = Mul (h, w1) ["/b/b.1/fc/Abs_1"] f = Abs (s) }>
}
"""
"""A module with an If is called twice."""

NESTED = """
g (float[2] x, int64 times, bool c) => (float[2] y)
{
  ["/Loop"] y = Loop (times, "", x) <body =
    b (int64 step, bool go, float[2] state) => (bool more, float[2] next)
    {
      ["/cell/gate/Sigmoid"] s = Sigmoid (state)
      ["/cell/If"] next = If (c) <
        then_branch = t () => (float[2] a) { ["/cell/up/Neg"] q = Neg (s)  ["/cell/up/Abs"] a = Abs (q) },
        else_branch = e () => (float[2] k) { ["/cell/down/Abs"] k = Abs (state) }>
      more = Identity (go)
    }>
}
"""
CONSTANTS = """
g (float[2] x, bool c) => (float[2] y)
{
  ["/If"] y = If (c) <
    then_branch = t () => (float[2] a)
      { ["/enc/Constant"] k = Constant <value = float {2.0}> ()  ["/enc/Mul"] m = Mul (x, k)
        ["/enc/Abs"] a = Abs (m) },
    else_branch = e () => (float[2] b)
      { ["/enc/Constant"] j = Constant <value = float {3.0}> ()  ["/enc/Mul"] n = Mul (x, j)
        ["/enc/Abs"] b = Abs (n) }>
}
"""
TEXTS = {"branches": BRANCHES, "repeated": REPEATED, "nested": NESTED, "constants": CONSTANTS}


def after(source: ModelProto, *passes: Pass, numbers: bool = False) -> ModelProto:
    """A copy of the model after passes; raises unless the certificate holds."""
    made = ModelProto()
    made.CopyFrom(rewriter.rewrite(source, passes=passes, numbers=numbers).analysis.model)
    return made


def bodies_of(graph: GraphProto, name: str = "") -> Iterator[tuple[str, GraphProto]]:
    """The graph and all graph bodies inside, each after the path of the attributes that lead to it."""
    yield name, graph
    for node in graph.node:
        for attribute in node.attribute:
            for body in graphs_of(attribute):
                yield from bodies_of(body, f"{name}/{attribute.name}")


def operators(nodes: Iterator[NodeProto] | list[NodeProto]) -> list[str]:
    return [f"{node.domain}.{node.op_type}".strip(".") for node in nodes]


def test_each_branch_calls_functions_of_its_own() -> None:
    made = after(model(BRANCHES), Annotate(), Group(), numbers=True)
    bodies = {name: operators([*graph.node]) for name, graph in bodies_of(made.graph)}
    assert bodies == {"": ["pre.pre", "If"], "/then_branch": ["enc.enc"], "/else_branch": ["enc.call_1.enc"]}
    functions = {f"{f.domain}.{f.name}": (list(f.input), operators([*f.node])) for f in made.functions}
    assert functions["enc.enc"] == (["p", "w"], ["enc.fc.fc", "Abs"])
    assert len(functions) == 5


def test_equal_modules_of_both_branches_share_a_function() -> None:
    made = after(model(BRANCHES), Annotate(), Group(), Share(), numbers=True)
    bodies = {name: operators([*graph.node]) for name, graph in bodies_of(made.graph)}
    assert bodies["/then_branch"] == bodies["/else_branch"] == ["modules.enc"]
    assert sorted(f.name for f in made.functions) == ["enc", "fc", "pre"]


def test_a_shared_function_holds_a_body_with_calls() -> None:
    made = after(model(REPEATED), Annotate(), Group(), Share(), numbers=True)
    fc, layer, _ = made.functions
    (node,) = layer.node
    assert [operators([*body.node]) for each in node.attribute for body in graphs_of(each)] == [
        [f"modules.{fc.name}"]
    ] * 2
    assert {each.domain for each in layer.opset_import} == {"", "modules"}


def test_bodies_inside_bodies() -> None:
    made = after(model(NESTED), Annotate(), Group(), numbers=True)
    bodies = {name: operators([*graph.node]) for name, graph in bodies_of(made.graph)}
    assert bodies == {"": ["Loop"], "/body": ["cell.cell", "Identity"]}
    (cell,) = (function for function in made.functions if function.name == "cell")
    assert operators([*cell.node]) == ["cell.gate.gate", "If"]
    inner = [operators([*body.node]) for each in cell.node[1].attribute for body in graphs_of(each)]
    assert sorted(inner) == [["cell.down.down"], ["cell.up.up"]]
    assert list(cell.input) == ["state", "c"]


def test_constants_of_functions_in_bodies_are_lifted() -> None:
    made = after(model(CONSTANTS), Annotate(), Group(), Share(lift=True), numbers=True)
    assert len(made.functions) == 1
    bodies = {name: operators([*graph.node]) for name, graph in bodies_of(made.graph)}
    assert (
        bodies["/then_branch"] == bodies["/else_branch"] == ["Constant", f"modules.{made.functions[0].name}"]
    )


@pytest.mark.parametrize(
    "passes", [(Group(),), (Unshare(), Group(), Share()), (Group(), Share(lift=True)), (Group(depth=1),)]
)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_there_and_back(text: str, passes: tuple[Pass, ...]) -> None:
    flat = after(model(text), Annotate())
    made = after(flat, *passes)
    onnx.checker.check_model(made, full_check=True)
    assert made.functions
    assert after(made, Flatten()) == flat


def test_stated_types_move_with_their_values() -> None:
    source = model(BRANCHES)
    branch = source.graph.node[1].attribute[0].g
    branch.value_info.append(onnx.helper.make_tensor_value_info("m", onnx.TensorProto.FLOAT, [2]))
    branch.value_info.append(onnx.helper.make_tensor_value_info("a", onnx.TensorProto.FLOAT, [2]))
    flat = after(source, Annotate())
    made = after(flat, Group(), Share())
    infos = {name: [info.name for info in graph.value_info] for name, graph in bodies_of(made.graph)}
    assert infos["/then_branch"] == ["a"]
    assert after(made, Flatten()) == flat


def test_a_selection_counts_in_bodies() -> None:
    made = after(model(BRANCHES), Annotate(), Group(only="enc.fc"))
    assert {function.name for function in made.functions} == {"fc"}
    assert {f.name for f in after(model(REPEATED), Annotate(), Group(repeated=True)).functions} == {"b", "fc"}


def test_nodes_of_the_module_around_stay_in_the_body() -> None:
    text = BRANCHES.replace('"/If"', '"/enc/If"')
    made = after(model(text), Annotate(), Group(), numbers=True)
    (encoder,) = (function for function in made.functions if function.name == "enc")
    bodies = [operators([*body.node]) for each in encoder.node[0].attribute for body in graphs_of(each)]
    assert bodies == [["enc.fc.fc", "Abs"], ["enc.fc.call_1.fc", "Abs"]]


def test_unknown_operators_stay_in_the_body() -> None:
    source = model(BRANCHES)
    source.opset_import.add(domain="mine", version=1)
    for attribute in source.graph.node[1].attribute:
        attribute.g.node[1].domain = "mine"
    done = rewriter.rewrite(source, passes=(Annotate(), Group()), numbers=False)
    refused = {(each.module, each.reason, each.witness) for each in done.refusals}
    assert refused == {
        ("enc.fc", Reason.OPAQUE_IN_A_BODY, "/enc/fc/Neg"),
        ("enc", Reason.NOT_CONVEX, "/enc/fc/Neg"),
    }
    bodies = {name: operators([*graph.node]) for name, graph in bodies_of(done.analysis.model.graph)}
    assert "mine.Neg" in bodies["/then_branch"]


def test_bodies_of_local_functions_stay() -> None:
    text = """g (float[2] x, bool c) => (float[2] y) { ["/m/f"] y = own.f (x, c) }
    <domain: "own", opset_import: ["" : 17]> f (x, c) => (y)
    { ["/If"] y = If (c) < then_branch = t () => (float[2] a) { ["/a/Neg"] a = Neg (x) },
                           else_branch = e () => (float[2] b) { ["/b/Abs"] b = Abs (x) }> }"""
    source = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17, "own" : 1]> {text}')
    made = after(source, Annotate(), Group())
    assert [(f.domain, f.name) for f in made.functions] == [("own", "f"), ("m", "m")]


SHARED_CONSTANT = """
g (float[2] x, bool c) => (float[2] y)
{
  ["/If"] y = If (c) <
    then_branch = t () => (float[2] a)
      { ["/l.0/Constant"] k = Constant <value = float {2.0}> ()
        ["/l.0/Mul"] m = Mul (x, k)  ["/l.1/Mul"] a = Mul (m, k) },
    else_branch = e () => (float[2] a)
      { ["/l.0/Constant"] k = Constant <value = float {2.0}> ()
        ["/l.0/Mul"] m = Mul (x, k)  ["/l.1/Mul"] a = Mul (m, k) }>
}
"""
"""In each branch, two layers read one constant."""


def test_constants_are_unshared_within_each_body() -> None:
    flat = after(model(SHARED_CONSTANT), Annotate())
    done = rewriter.rewrite(flat, passes=(Unshare(), Group(), Share()), numbers=True)
    made = done.analysis.model
    assert [len(graph.node) for _, graph in bodies_of(made.graph)] == [1, 2, 2]
    (layer,) = made.functions
    assert operators([*layer.node]) == ["Constant", "Mul"]
    assert after(made, Flatten()) == flat


def test_the_tree_of_an_unshared_model_is_that_of_its_file() -> None:
    """The analysis that `unshare` derives has a copy in every place where a new reading finds it."""
    text = NESTED.replace(
        '["/cell/up/Neg"] q = Neg (s)  ["/cell/up/Abs"] a = Abs (q)',
        '["/cell/up/0/Constant"] k = Constant <value = float {2.0}> ()  ["/cell/up/0/Mul"] q = Mul (s, k) '
        '["/cell/up/1/Mul"] a = Mul (q, k)',
    )
    source = after(model(text), Annotate())
    outcome = Unshare().run(pipeline.load(source))
    assert outcome.analysis is not None
    derived, read = outcome.analysis.tree, pipeline.load(outcome.analysis.model).tree
    assert len(derived.placements) == len(read.placements) == 9
    assert [place and place.module for place in derived.placements] == [
        place and place.module for place in read.placements
    ]
