"""Nothing is certified that may differ where results depend on more than expressions, or readers disagree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import ModelProto, helper

from rewriter.model.operator_set.determinism import RANDOM, counts_apart, flagged_random
from rewriter.model.operator_set.operators import canonical, may_hold_graphs
from rewriter.proof.certificate import certify, compare_expressions, described
from tests.proof.readings import ALIKE, APART, IR10, defaults, in_function, scan_output, scanned, shadowed
from tests.proof.texts import model, unary


@pytest.mark.parametrize("pair", APART.values(), ids=list(APART))
def test_what_may_differ_is_not_certified(pair: tuple[str, str]) -> None:
    before, after = map(model, pair)
    assert not certify(before, after).equal
    assert not certify(after, before).equal
    for each in (before, after):  # byte for byte the same: equal whatever the file contains
        assert certify(each, each).identical


@pytest.mark.parametrize("pair", ALIKE.values(), ids=list(ALIKE))
def test_what_is_one_in_every_reading_is_certified(pair: tuple[str, str]) -> None:
    before, after = map(model, pair)
    assert compare_expressions(before, after).difference is None
    assert compare_expressions(after, before).equal


def shapes(made: ModelProto, trips: int) -> list[int]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = ort.InferenceSession(made.SerializeToString(), options)
    feeds = {
        "M": np.array(trips),
        "go": np.array(True),
        "x": np.zeros(3, np.float32),
        "size": np.array([3]),
    }
    return [int(each) for each in session.run(["z"], feeds)[0]]


@pytest.mark.parametrize("name", ["a static result of a Loop's body", "value_info that a function loses"])
def test_the_pairs_differ_in_onnxruntime_where_no_iteration_runs(name: str) -> None:
    """Guards the pairs: they are not apart for nothing."""
    before, after = map(model, APART[name])
    assert shapes(before, 2) == shapes(after, 2)
    assert shapes(before, 0) != shapes(after, 0)


def test_a_type_far_before_the_loop_counts() -> None:
    """Inference goes through every node between, so the type may be declared anywhere before."""

    def far(declared: str) -> ModelProto:
        text = scan_output("float[k]", more=f"<{declared}>").replace(
            "y = Loop", "e = Exp(r) f = Abs(e) y = Loop"
        )
        return model(text.replace("s = Neg(r)", "s = Neg(f)"))

    assert not certify(far("float[3] r"), far("float[4] r")).equal
    assert not certify(far("float[3] e"), far("float[3] r")).equal


def test_a_type_counts_only_for_the_loop_that_depends_on_it() -> None:
    text = scan_output("float[k]", more="<float[3] r, float[9] w>").replace(
        "=> (int64[d] z)", "=> (int64[d] z, float[9] w)"
    )
    made = text.replace("z = Shape(y)", "z = Shape(y) u = Exp(x) v = Abs(u) w = Neg(v)")
    other = made.replace("<float[3] r, float[9] w>", "<float[3] r, float[9] u>")
    assert compare_expressions(model(made), model(other)).equal


def test_draws_are_counted_whatever_types_are_declared() -> None:
    """Two draws of one distribution are two, also where the value they read is declared for one of them."""
    text = (
        scan_output("float[k]", more="<float[3] r, float[3] p>")
        .replace("z = Shape(y)", "DRAWS z = Shape(y)")
        .replace("=> (int64[d] z)", "=> (int64[d] z, float[n] d)")
    )
    two = text.replace(
        "DRAWS", "p = Identity(x) a = RandomNormalLike(p) b = RandomNormalLike(x) d = Sub(a, b)"
    )
    one = text.replace("DRAWS", "p = Identity(x) a = RandomNormalLike(p) d = Sub(a, a)")
    assert compare_expressions(model(two), model(two)).equal
    assert not compare_expressions(model(one), model(two)).equal


def test_two_defaults_of_one_attribute_are_unprovable() -> None:
    """onnxruntime takes the first; the text form cannot write two, so the second is put in."""
    before, after = model(defaults("1.0")), model(unary("y = Elu<alpha = 1.0>(x)"))
    assert compare_expressions(before, after).equal
    before.functions[0].attribute_proto.append(helper.make_attribute("alpha", 7.0))
    assert "two attributes 'alpha'" in str(certify(before, after).difference)
    assert not certify(before, model(unary("y = Elu<alpha = 7.0>(x)"))).equal


def test_two_attributes_of_one_name_at_a_call_are_unprovable() -> None:
    made = model(defaults("1.0").replace("m.f(x)", "m.f<alpha = 2.0>(x)"))
    assert compare_expressions(made, model(unary("y = Elu<alpha = 2.0>(x)"))).equal
    made.graph.node[0].attribute.append(helper.make_attribute("alpha", 3.0))
    for alpha in ("2.0", "3.0"):
        assert not certify(made, model(unary(f"y = Elu<alpha = {alpha}>(x)"))).equal


def test_an_input_of_a_body_with_a_default_is_unprovable() -> None:
    made = model(scan_output("float[3]"))
    body = made.graph.node[1].attribute[0].g
    body.initializer.append(helper.make_tensor("i", onnx.TensorProto.INT64, [], [5]))
    assert "has a default" in str(compare_expressions(made, made).difference)


def test_a_handed_graph_of_a_loop_counts_by_its_types() -> None:
    def handed(declared: str) -> ModelProto:
        text = (
            "g (int64 M, float[3] x) => (int64[d] z) { y = m.f<s = b (int64 i, bool c) "
            f"=> (bool o, {declared} e) "
            "{ o = Identity(c) e = Neg(x) }>(M) z = Shape(y) }\n"
            '<domain: "m", opset_import: ["" : 17]> f <s> (n) => (r) { r = Loop<body: graph = @s>(n) }'
        )
        return model(IR10 + text)

    assert certify(handed("float[3]"), handed("float[3]")).equal
    assert not certify(handed("float[3]"), handed("float[k]")).equal


def test_an_initializer_hides_a_value_two_bodies_out() -> None:
    inner = "q = If(c) <then_branch = u () => (float[2] r) <float[2] w = {9, 9}> { r = Add(a, w) }, "
    text = shadowed("v").replace("q = Neg(x)", inner + "else_branch = o () => (float[2] l) { l = Neg(x) }>")
    assert "hides another value" in str(compare_expressions(model(text), model(text)).difference)


# -- random operators


def test_our_list_of_random_operators_has_all_that_onnx_flags() -> None:
    """Names every operator that the installed onnx calls non-deterministic and our own list lacks."""
    if not hasattr(onnx.defs.OpSchema, "node_determinism"):
        pytest.skip("this onnx does not say which operators are random")
    lacking = {
        (schema.domain, schema.name)
        for schema in onnx.defs.get_all_schemas_with_history()
        if flagged_random(schema.name, canonical(schema.domain), schema.since_version)
        and schema.name not in RANDOM | {"Dropout"}
    }
    assert not lacking


def test_an_operator_with_a_body_is_as_random_as_the_body() -> None:
    for name in ("If", "Loop", "Scan", "SequenceMap"):
        assert may_hold_graphs(name, "", 21)
        assert not counts_apart(helper.make_node(name, [], ["y"]), "", 21, 0)


def test_an_operator_that_a_function_defines_is_as_random_as_that() -> None:
    assert not counts_apart(helper.make_node("AffineGrid", ["a", "b"], ["y"]), "", 20, 2)
    assert counts_apart(helper.make_node("Bernoulli", ["x"], ["y"]), "", 15, 1)


def test_where_types_count_operators_behind_declared_values_count_too() -> None:
    """The number of a value without its types still says what made it."""
    text = scan_output("float[k]", more="<float[3] r, float[9] w>").replace(
        "=> (int64[d] z)", "=> (int64[d] z, float[9] o)"
    )
    one, other = (
        text.replace("z = Shape(y)", f"z = Shape(y) u = Exp(x) w = Neg(u) o = {last}(w)")
        for last in ("Abs", "Sqrt")
    )
    assert compare_expressions(model(one), model(one)).equal
    assert not compare_expressions(model(one), model(other)).equal


def test_a_function_takes_no_name_that_a_handed_graph_read_before() -> None:
    """A runtime that enters the function has one name for both values, whichever is written first."""
    text = (
        "y = m.f<s = t () => (float[2] p) {{ p = Abs(k) }}>(x, c)",
        "def f <s> (a, on) => (b) {{ t = If(on) <then_branch: graph = @s, "
        "else_branch = e () => (float[2] q) {{ q = Neg(a) }}> {late} = Exp(t) b = Sqrt({late}) }}",
    )
    made = [
        model(unary("k = Exp(x) " + text[0].format(), text[1].format(late=late))) for late in ("free", "k")
    ]
    assert compare_expressions(made[0], made[0]).equal
    assert "'k' has two meanings" in str(compare_expressions(made[1], made[1]).difference)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("float[2, n]", "float 2 x n"),
        ("bool", "bool scalar"),
        ("float[]", "float of any shape"),
        ("seq(float[2])", "sequence"),
    ],
)
def test_types_in_words(said: str, words: str) -> None:
    if said == "seq(float[2])":
        kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, [2]))
    else:
        kind = model(f"g ({said} x) => ({said} y) {{ y = Identity(x) }}").graph.input[0].type
    assert described(kind) == words


DRAWS = [
    "{} = RandomNormalLike(x)",
    "{} = RandomUniformLike(x)",
    "{} = RandomNormalLike<mean = 1.0>(x)",
    "{} = custom.A(x)",
    "{} = custom.B(x)",
]


@pytest.mark.parametrize("one", DRAWS)
@pytest.mark.parametrize("other", DRAWS)
def test_nodes_that_count_apart_still_count_by_what_they_do(one: str, other: str) -> None:
    before, after = (model(unary(each.format("d") + " y = Neg(d)")) for each in (one, other))
    assert compare_expressions(before, after).equal == (one == other)


def test_nodes_that_count_apart_are_counted_each_by_itself() -> None:
    """Independent draws of other distributions may stand in any order."""
    draws = [DRAWS[0].format("d"), DRAWS[1].format("e")]
    before, after = (model(unary(" ".join(each) + " y = Sub(d, e)")) for each in (draws, draws[::-1]))
    assert compare_expressions(before, after).equal


@pytest.mark.parametrize(("one", "other"), [("float[3]", "float[4]"), ("float[]", "double[]")])
@pytest.mark.parametrize("made", [scan_output, scanned])
def test_declared_types_of_what_bodies_collect_count(
    made: Callable[[str], str], one: str, other: str
) -> None:
    same, apart = model(made(one)), model(made(other))
    assert compare_expressions(same, same).equal
    assert not compare_expressions(same, apart).equal


def test_what_is_said_of_an_attribute_does_not_count() -> None:
    before = model(unary("y = Elu<alpha = 2.0>(x)"))
    after = ModelProto()
    after.CopyFrom(before)
    after.graph.node[0].attribute[0].doc_string = "steep"
    assert compare_expressions(before, after).equal


def test_two_versions_of_an_operator_set_are_named() -> None:
    made = model(unary("y = Neg(x)"))
    made.opset_import.add(domain="", version=17)
    assert "'ai.onnx'" in str(compare_expressions(made, made).difference)
    made.opset_import[-1].domain = "m"
    made.opset_import[-1].version = 9
    assert "'m'" in str(compare_expressions(made, made).difference)


def test_attributes_of_a_scan_count() -> None:
    forth = scanned("float[3]")
    back = forth.replace("num_scan_inputs = 1", "num_scan_inputs = 1, scan_input_directions = [1]")
    assert compare_expressions(model(back), model(back)).equal
    assert not compare_expressions(model(forth), model(back)).equal


def test_where_types_count_those_inside_of_bodies_do_too() -> None:
    made = scan_output("float[k]").replace("s = Neg(r)", "t = Neg(r) s = Abs(t)")
    three, four = (model(made.replace("s) {", f"s) <float[{size}] t> {{")) for size in (3, 4))
    assert compare_expressions(three, three).equal
    assert not compare_expressions(three, four).equal


def test_which_model_has_no_proof_is_told() -> None:
    whole = model(unary("y = Neg(x)"))
    broken = ModelProto()
    broken.CopyFrom(whole)
    broken.opset_import.add(domain="", version=17)
    assert (compare_expressions(broken, whole).readable, compare_expressions(whole, broken).readable) == (
        False,
        True,
    )


def test_other_names_are_of_the_interface() -> None:
    text = unary("y = Neg(x)")
    before, after = model(text), model(text.replace("(float[2] y)", "(float[2] z)"))
    after.graph.node[0].output[0] = "z"
    found = certify(before, after)
    assert (found.equal, found.interface, found.mismatch) == (False, True, False)
    assert certify(before, after, by_position=True).equal


@pytest.mark.parametrize("made", [scan_output, in_function])
def test_types_that_are_stated_otherwise_count_where_a_loop_may_go_by_them(
    made: Callable[[str], str],
) -> None:
    """onnxruntime believes `value_info` that contradicts what a body declares, where the Loop never runs."""
    before = model(made("float[3]"))
    infos = before.graph.value_info
    infos.append(helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 3]))
    after, lost = ModelProto(), ModelProto()
    for other in (after, lost):
        other.CopyFrom(before)
    after.graph.value_info[0].type.tensor_type.shape.dim[1].dim_value = 5
    del lost.graph.value_info[:]
    assert compare_expressions(before, before).equal
    assert compare_expressions(before, lost).equal
    assert "'y' is stated with another type" in str(compare_expressions(before, after).difference)
    plain = model(unary("k = Neg(x) y = Neg(k)"))
    said = [ModelProto(), ModelProto()]
    for size, each in enumerate(said, 2):
        each.CopyFrom(plain)
        each.graph.value_info.append(helper.make_tensor_value_info("k", onnx.TensorProto.FLOAT, [size]))
    assert compare_expressions(*said).equal  # no body goes by it
