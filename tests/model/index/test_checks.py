"""What is refused before anything is made of a model, and that no damage makes the checks themselves fail."""

from __future__ import annotations

import random

import pytest
from onnx import ModelProto, SparseTensorProto, TensorProto, helper

from rewriter.errors import UnreadableModel
from rewriter.model.index import checks
from rewriter.model.index.cycles import Circle, callees_first
from rewriter.model.index.graph import GraphIndex
from rewriter.model.limits import Limits, current, within
from rewriter.model.storage import external_data, files
from tests.hostile import build
from tests.hostile.build import function, graph, model, node


def test_a_body_reads_what_its_owner_may_read() -> None:
    branch = graph([node("Neg", "h", "t")], "", "t")
    owner = node("If", "c", "y", then_branch=branch, else_branch=branch)
    sorted_, unsorted = [node("Neg", "x", "h"), owner], [owner, node("Neg", "x", "h")]
    checks.check(model(graph(sorted_, "x c")))
    with pytest.raises(UnreadableModel, match=r"not sorted: 'y' \(If\) reads 'h' before"):
        checks.check(model(graph(unsorted, "x c")), ordered=True)
    checks.check(model(graph(unsorted, "x c")))


def test_the_owner_of_a_body_reads_its_results_from_outside() -> None:
    """onnxruntime refuses such results, wherever they are written."""
    branch = graph([], "", "h")
    owner, writer = node("If", "c", "y", then_branch=branch, else_branch=branch), node("Neg", "x", "h")
    checks.check(model(graph([writer, owner], "x c")), ordered=True)
    checks.check(model(graph([owner, writer], "x c")))
    with pytest.raises(
        UnreadableModel, match=r"not sorted: 'y' \(If\) reads 'h' before 'h' \(Neg\) writes it"
    ):
        checks.check(model(graph([owner, writer], "x c")), ordered=True)
    with pytest.raises(UnreadableModel, match="nothing writes output 'h'"):
        checks.check(model(graph([owner], "x c")))


def test_what_sorting_does_not_mend_is_refused_in_any_case() -> None:
    late = [node("Neg", "h", "y"), node("Neg", "x", "h")]
    checks.check(model(graph(late)))
    with pytest.raises(UnreadableModel, match="which nothing writes"):
        checks.check(model(graph([*late, node("Neg", "none", "z")])))
    circle = [node("Neg", "b", "a"), node("Neg", "a", "b")]
    with pytest.raises(UnreadableModel, match="feed each other"):
        checks.check(model(graph([*late, *circle])))
    inner = graph([node("Neg", "i", "t"), node("Neg", "x", "i")], "", "t")
    owner = node("If", "c", "y", then_branch=inner, else_branch=inner)
    with pytest.raises(UnreadableModel, match="which nothing writes"):  # `i` is a name of the body alone
        checks.check(model(graph([owner, node("Neg", "i", "o")], "x c")))


def test_functions_are_counted_for_every_call_and_read_once() -> None:
    doubled = build.doubling(10)
    with within(Limits(nodes=3071)):  # 2**10 leaves, 2**11 - 1 calls
        checks.check(doubled)
    with within(Limits(nodes=3070)), pytest.raises(UnreadableModel, match="comes to 3,071 nodes"):
        checks.check(doubled)


@pytest.mark.parametrize("names", [("g", "h"), ("g", "g")])
def test_functions_that_nothing_calls_count_as_well(names: tuple[str, ...]) -> None:
    idle = [function(name, [node("Neg", "x", "y"), node("Neg", "x", "z")]) for name in names]
    made = model(graph([node("Neg", "x", "y")]), *idle, f=1)
    with within(Limits(nodes=5)):
        checks.check(made)
    with within(Limits(nodes=4)), pytest.raises(UnreadableModel, match="hold 5 nodes"):
        checks.check(made)


def test_depth_adds_up_through_functions_and_bodies() -> None:
    call = node("g", "x", "t", domain="f")
    branch = graph([call], "", "t")
    whole = model(
        graph([node("If", "c", "y", then_branch=branch, else_branch=branch)], "x c"),
        function("g", [node("Neg", "x", "y")]),
        f=1,
    )
    with within(Limits(depth=2)):
        checks.check(whole)
    with within(Limits(depth=1)), pytest.raises(UnreadableModel, match="2 deep"):
        checks.check(whole)


def test_limits_are_those_of_the_block() -> None:
    with within(Limits(nodes=1)):
        assert current().nodes == 1
    assert current() == Limits()


def test_callees_come_first_and_circles_are_named() -> None:
    assert callees_first({"a": ["b", "c"], "b": ["c"], "c": []}) == ["c", "b", "a"]
    with pytest.raises(Circle) as found:
        callees_first({"a": ["b"], "b": ["c"], "c": ["b"]})
    assert found.value.members == ["b", "c", "b"]


def test_a_chain_of_functions_takes_no_stack() -> None:
    length = 50_000
    assert callees_first({i: [i + 1] for i in range(length)} | {length: []})[0] == length


SEEDS = {
    "plain": lambda: build.plain().SerializeToString(),
    "external": lambda: build.external(offset="0", length="8").SerializeToString(),
    "functions": lambda: build.doubling(4).SerializeToString(),
    "bodies": lambda: build.nested(4).SerializeToString(),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_damage_is_refused_or_read(seed: str) -> None:
    whole, draw = SEEDS[seed](), random.Random(seed)
    read = 0
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(draw.choice((1, 1, 2, 8))):
            place = draw.randrange(len(data))
            data[place : place + draw.randrange(3)] = draw.randbytes(draw.randrange(3))
        try:
            found = files.parse_indexed(bytes(data), "m").model
            external_data.external_locations(found)
            read += isinstance(found, ModelProto)
        except UnreadableModel as error:
            assert "\n" not in str(error)
    assert read


def sparse(index: int, value: float = 1.0) -> SparseTensorProto:
    values = helper.make_tensor("w", TensorProto.FLOAT, [1], [value])
    return helper.make_sparse_tensor(values, helper.make_tensor("", TensorProto.INT64, [1], [index]), [2])


@pytest.mark.parametrize("other", [sparse(1), sparse(0, 2.0)])
def test_sparse_initializers_of_one_name_have_one_content(other: SparseTensorProto) -> None:
    made = model(graph([node("Add", "x w", "y")]))
    made.graph.sparse_initializer.extend([sparse(0), sparse(0)])
    checks.check(made)
    made.graph.sparse_initializer.append(other)
    with pytest.raises(UnreadableModel, match="two initializers are called 'w' and differ"):
        checks.check(made)


def test_a_sparse_initializer_differs_from_a_dense_one() -> None:
    made = model(graph([node("Add", "x w", "y")], "x", "y", sparse(0).values))
    made.graph.sparse_initializer.append(sparse(0))
    with pytest.raises(UnreadableModel, match="two initializers are called 'w' and differ"):
        checks.check(made)


def imported(*domains: str, inner: str = "", called: bool = True, bodied: bool = False) -> ModelProto:
    """A function of these imports with a node of domain `inner`, in a body or not."""
    imports = [helper.make_opsetid(domain, 17) for domain in domains]
    step = node("Neg", "a", "b", domain=inner)
    branch = graph([node("Neg", "a", "t", domain=inner)], "", "t")
    held = node("If", "c", "b", then_branch=branch, else_branch=branch)
    inside = helper.make_function("f", "g", ["a", "c"], ["b"], [held if bodied else step], imports)
    call = node("g", "x x", "y", domain="f") if called else node("Neg", "x", "y")
    made = model(graph([call]))
    made.functions.append(inside)
    made.opset_import.add(domain="f", version=1)
    return made


@pytest.mark.parametrize("called", [True, False])
@pytest.mark.parametrize("bodied", [True, False])
@pytest.mark.parametrize("inner", ["", "ai.onnx.ml", "f"])
def test_a_function_imports_for_itself(inner: str, bodied: bool, called: bool) -> None:
    own = ["", inner] if bodied and inner else [inner]
    checks.check(imported(*own, inner=inner, bodied=bodied, called=called))
    with pytest.raises(UnreadableModel, match=f"'{inner or 'ai.onnx'}', which function 'g' does not import"):
        checks.check(imported("" if inner else "other", inner=inner, bodied=bodied, called=called))


@pytest.mark.parametrize("domains", [("ai.onnx",), ("", "ai.onnx")])
@pytest.mark.parametrize("inner", ["", "ai.onnx"])
def test_a_function_may_name_the_default_domain_either_way(domains: tuple[str, ...], inner: str) -> None:
    checks.check(imported(*domains, inner=inner))


def test_a_function_imports_one_version() -> None:
    made = imported("", "ai.onnx")
    made.functions[0].opset_import[1].version = 18
    with pytest.raises(
        UnreadableModel, match=r"function .g. imports two versions of operator set .ai\.onnx."
    ):
        checks.check(made)


def test_a_model_may_import_other_operator_sets_only() -> None:
    """onnxruntime takes the newest version of the default set, so it is unknown."""
    made = model(graph([node("Neg", "x", "y")]))
    del made.opset_import[:]
    with pytest.raises(UnreadableModel, match=r"'ai\.onnx', which the model does not import"):
        checks.check(made)
    made.opset_import.add(domain="com.microsoft", version=1)
    checks.check(made)
    assert list(checks.notes_on(GraphIndex(made))) == [
        "the file imports no version of operator set 'ai.onnx': its operators are taken as they stand"
    ]
