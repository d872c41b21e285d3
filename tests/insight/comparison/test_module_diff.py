"""Two models module by module: what changed, what is whose counterpart, where the numbers part."""

from __future__ import annotations

import io

import numpy as np
import pytest
from onnx import TensorProto, parser
from rich.console import Console

import rewriter
from rewriter.errors import UsageError
from rewriter.insight.comparison.module_diff import Diff
from rewriter.insight.comparison.module_pairs import How, pair_modules
from rewriter.insight.comparison.structural_diff import Aspect, Change
from rewriter.paths import ROOT
from rewriter.runtime.child.call import Task
from rewriter.views.text.differences.printing import print_diff
from tests.build import HEAD, model

BODY = """
g (float[2,4] x) => (float[2,4] y)
<float[4,4] "enc.a.weight" = {1,0,0,0, 0,2,0,0, 0,0,3,0, 0,0,0,4}, float[4] "enc.b.bias" = {1,2,3,4}>
{
  ["/enc/a/MatMul"] h = MatMul(x, "enc.a.weight")
  ["/enc/b/Add"] k = Add(h, "enc.b.bias")
  ["/enc/act/Softmax"] s = Softmax<axis = 1>(k)
  ["/enc/Mul"] y = Mul(s, s)
}
"""


def diff(before: str, after: str, *, numbers: bool = True) -> Diff:
    return rewriter.diff(model(before), model(after), numbers=numbers)


def changes(found: Diff) -> dict[str, list[tuple[str, ...]]]:
    return {
        str(module.path): [
            (each.aspect, each.name, str(each.before), str(each.after)) for each in module.changes
        ]
        for module in found.changed
    }


def where(found: Diff) -> tuple[str, int] | None:
    return None if found.first is None else (str(found.first.path), found.first.call)


def test_a_model_equals_itself() -> None:
    found = diff(BODY, BODY)
    assert found.equal
    assert (where(found), found.changed) == (None, ())
    assert found.numbers is not None
    assert found.numbers.runs >= 1
    paths = {"", "enc", "enc.a", "enc.b", "enc.act"}
    assert {str(call.path) for call in found.numbers.calls} == paths
    assert all(call.comparable for call in found.numbers.calls)


def test_values_of_a_parameter() -> None:
    found = diff(BODY, BODY.replace("{1,2,3,4}", "{1,2,3,6}"))
    relative = 0.5
    (module,) = found.changed
    assert module.changes == (
        Change(Aspect.PARAMETER, "bias", "float32 (4,)", "float32 (4,)", 2.0, relative),
    )
    assert where(found) == ("enc.b", 0)
    assert not found.equal


def test_values_that_cannot_be_read_are_neither_equal_nor_other() -> None:
    """External data of models in memory: the same reference may mean another file."""
    left, right = model(BODY), model(BODY)
    for made in (left, right):
        for tensor in made.graph.initializer:
            tensor.ClearField("float_data")
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="w.bin")
    found = rewriter.diff(left, right, numbers=False)
    assert {change for changed in changes(found).values() for change in changed} == {
        ("unread", "weight", "float32 (4, 4)", "float32 (4, 4)"),
        ("unread", "bias", "float32 (4,)", "float32 (4,)"),
    }
    assert not found.equal
    assert "parameter bias: values not compared, they cannot be read" in str(found)


@pytest.mark.parametrize(
    "text",
    [
        "g (float16[1] x) => (float16[1] y) { y = Neg(x) }",
        "g (float[1] x) => (float[1] y) { h = Constant<value = float16 {1}>() y = CastLike(x, h) }",
        "g (float[1] x) => (float[1] y) { h = Cast<to = 10>(x) y = Cast<to = 1>(h) }",
        "g (float[1] x) => (float[1] y) <float16[1] w = {0}> { h = CastLike(x, w) y = CastLike(h, x) }",
    ],
)
def test_half_precision_is_found(text: str) -> None:
    assert diff(text, text, numbers=False).half
    assert not diff(BODY, BODY, numbers=False).half


def test_an_attribute() -> None:
    found = diff(BODY, BODY.replace("axis = 1", "axis = 0"))
    assert changes(found) == {"enc.act": [("attribute", "Softmax.axis", "1", "0")]}
    assert where(found) == ("enc.act", 0)


def test_a_default_written_out_is_no_change() -> None:
    found = diff(BODY.replace("axis = 1", "axis = -1"), BODY.replace("<axis = 1>", ""))
    assert found.equal
    assert not found.changed


def test_operators_and_the_module_of_own_nodes() -> None:
    found = diff(BODY, BODY.replace('["/enc/Mul"] y = Mul(s, s)', '["/enc/Add"] y = Add(s, s)'))
    assert changes(found) == {"enc": [("operator", "Mul", "1", "None"), ("operator", "Add", "None", "1")]}
    assert where(found) == ("enc", 0)


def test_a_constant() -> None:
    body = BODY.replace("y = Mul(s, s)", "y = Mul(s, c)").replace(
        "{\n", "{\n  c = Constant<value_float = 2.0>()\n"
    )
    scaled = body.replace("= Constant<value_float = 2.0>", "= Constant<value = float {2.0}>")
    found = diff(scaled, scaled.replace("float {2.0}", "float {3.0}"))
    assert changes(found) == {"enc": [("constant", "Mul[1]", "2", "3")]}
    assert where(found) == ("enc", 0)


@pytest.mark.parametrize(("dims", "text"), [("[2,2]", "[[a, b], [c, d]]"), ("[4,1]", "[[a], [b], [c], [d]]")])
def test_shapes_of_constant_texts_are_compared(dims: str, text: str) -> None:
    """No numbers are taken, so the constants alone decide."""
    read = """g (string[4] x) => (bool y) {
        ["/m/Constant"] z = Constant <value = string DIMS {"a", "b", "c", "d"}> ()
        ["/m/Equal"] y = Equal (x, z) }"""
    found = diff(read.replace(" DIMS", "[4]"), read.replace(" DIMS", dims), numbers=False)
    assert changes(found) == {"m": [("constant", "Equal[1]", "string [a, b, c, d]", f"string {text}")]}
    assert not found.equal


@pytest.mark.parametrize(
    ("before", "after", "texts"),
    [
        ("value_float = 2.0", "value_float = 3.0", ("2", "3")),
        ("value_float = 2.0", "value = float {3.0}", ("2", "3")),
        ("value_floats = [2.0]", "value_floats = [4.0]", ("[2]", "[4]")),
        ("value_float = 0.1", "value = float {0.10000001}", ("0.1", "0.10000001")),
        ("value = double {0.1}", "value = double {0.10000000001}", ("float64 0.1", "float64 0.10000000001")),
        ("value = double {1e300}", "value = double {1e301}", ("float64 1e+300", "float64 1e+301")),
        ("value_int = 7", "value = int64 {8}", ("int64 7", "int64 8")),
        ("value_floats = [1.5, 2.5]", "value = double[2] {1.5, 2.5}", ("[1.5, 2.5]", "float64 [1.5, 2.5]")),
        ('value_string = "a"', 'value_string = "b"', ("string a", "string b")),
        ('value_strings = ["a"]', 'value_strings = ["b"]', ("string [a]", "string [b]")),
    ],
)
def test_every_form_of_a_constant(before: str, after: str, texts: tuple[str, str]) -> None:
    """Also of one that is an output of the model, which no node reads."""
    read = """g (float[1] x) => (T y) {
        ["/m/Constant"] z = Constant <VALUE> () ["/m/Identity"] y = Identity (z) }"""
    output = """g (float[1] x) => (float[1] y, T z) {
        ["/m/Constant"] z = Constant <VALUE> () ["/m/Relu"] y = Relu (x) }"""
    kind = {"int": "int64", "str": "string", "= d": "double"}
    element = next((of for word, of in kind.items() if word in before), "float")
    shape = "[1]" if "[" in before else ""
    for body, module, name in ((read, "m", "Identity[0]"), (output, "", "output[1]")):
        typed = body.replace("T ", f"{element}{shape} ")
        found = diff(typed.replace("VALUE", before), typed.replace("VALUE", after), numbers=False)
        assert changes(found) == {module: [("constant", name, *texts)]}
    assert not diff(typed.replace("VALUE", before), typed.replace("VALUE", before), numbers=False).changed


def test_modules_added_and_gone() -> None:
    less = BODY.replace('  ["/enc/b/Add"] k = Add(h, "enc.b.bias")\n', "").replace("(k)", "(h)")
    less = less.replace(', float[4] "enc.b.bias" = {1,2,3,4}', "")
    assert {str(m.path): m.gone for m in diff(BODY, less).modules if m.gone} == {"enc.b": True}
    assert {str(m.path): m.added for m in diff(less, BODY).modules if m.added} == {"enc.b": True}


def test_a_wrapped_model_is_matched_behind_the_prefix() -> None:
    wrapped = BODY.replace("enc.", "model.enc.").replace("/enc/", "/model/enc/")
    found = diff(BODY, wrapped)
    assert found.equal
    assert {str(m.pair.before): str(m.pair.after) for m in found.modules if m.pair.before} == {
        "enc": "model.enc",
        "enc.a": "model.enc.a",
        "enc.act": "model.enc.act",
        "enc.b": "model.enc.b",
    }
    assert found.matched[How.PREFIX] == 4


def test_a_renamed_module_is_matched_by_content() -> None:
    renamed = BODY.replace("enc.b.", "enc.shift.").replace("/enc/b/", "/enc/shift/")
    pairs = pair_modules(rewriter.load(model(BODY)), rewriter.load(model(renamed)))
    assert {(str(p.before), str(p.after)) for p in pairs if p.how is How.CONTENT} == {("enc.b", "enc.shift")}
    assert diff(BODY, renamed).equal


def test_without_numbers_changes_decide() -> None:
    assert diff(BODY, BODY, numbers=False).equal
    assert not diff(BODY, BODY.replace("{1,2,3,4}", "{1,2,3,6}"), numbers=False).equal


def test_models_with_other_inputs_say_so_and_are_not_called_equal() -> None:
    other = BODY.replace("(float[2,4] x)", "(float[2,4] x, float[2,4] z)").replace("Mul(s, s)", "Mul(s, z)")
    found = diff(BODY, other)
    assert found.numbers is not None
    assert found.numbers.skipped is not None
    assert "also wants 'z'" in found.numbers.skipped


def test_inputs_under_other_names_go_by_position() -> None:
    assert diff(BODY, BODY.replace(" x)", " data)").replace("(x,", "(data,")).equal


def test_inputs_are_held_against_the_first_model() -> None:
    with pytest.raises(UsageError, match="'x' has shape"):
        rewriter.diff(model(BODY), model(BODY), inputs={"x": np.zeros((3, 3), np.float32)})


def test_the_innermost_module_is_named_and_what_lies_behind_is_not() -> None:
    found = diff(BODY, BODY.replace("{1,0,0,0", "{2,0,0,0"))
    assert where(found) == ("enc.a", 0)
    assert found.numbers is not None
    by_path = {str(call.path): call for call in found.numbers.calls}
    assert by_path["enc.b"].diverges(1e-4)
    assert not by_path["enc.b"].takes_equal(1e-4)


def test_tolerance_counts() -> None:
    slightly = BODY.replace("{1,2,3,4}", "{1,2,3,4.001}")
    assert not rewriter.diff(model(BODY), model(slightly), tolerance=1e-6).equal
    assert rewriter.diff(model(BODY), model(slightly), tolerance=1e-2).equal


def test_a_crash_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewriter.runtime.compare.values.TASK", Task("rewriter.runtime.no_such_task:run"))
    found = diff(BODY, BODY)
    assert found.numbers is not None
    assert "No module named 'rewriter.runtime.no_such_task'" in str(found.numbers.skipped)


def test_a_model_that_does_not_run_is_told() -> None:
    found = diff(BODY, BODY.replace("Softmax<axis = 1>", "Nonsense"))
    assert found.numbers is not None
    assert "Nonsense" in str(found.numbers.skipped)
    assert not found.equal


def test_what_nobody_could_place_is_told_at_the_root() -> None:
    text = "g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }"
    assert changes(diff(text, text.replace("{1, 2}", "{1, 3}"))) == {
        "": [("constant", "Add[1]", "[1, 2]", "[1, 3]")]
    }
    assert changes(diff(text, text.replace("Add", "Mul"))) == {
        "": [("operator", "Add", "1", "None"), ("operator", "Mul", "None", "1")]
    }


IN_A_BRANCH = """
g (bool on, float[2] x) => (float[2] y) {
  ["/pre/Neg"] a = Neg(x)
  ["/If"] y = If(on) <
    then_branch = t () => (b) { ["/enc/fc/Abs"] h = Abs(a) ["/enc/Exp"] b = Exp(h) },
    else_branch = e () => (c) { ["/enc/fc/Sqrt"] i = Abs(a) ["/enc/Log"] c = Exp(i) }
  >
}
"""


HEAD_WITH_DOMAIN = HEAD.replace("17]", '17, "m": 1]')
IN_A_FUNCTION = """
g (float[2] x) => (float[2] y) { ["/pre/Neg"] a = Neg(x) ["/f"] y = m.f(a) }
<domain: "m", opset_import: ["" : 17]> f (a) => (b) { ["/enc/fc/Abs"] h = Abs(a) ["/enc/Exp"] b = Exp(h) }
"""


def test_modules_of_which_no_result_was_compared_are_told() -> None:
    proto = parser.parse_model(HEAD_WITH_DOMAIN + IN_A_FUNCTION)
    told = rewriter.diff(proto, proto)
    assert told.equal
    assert [str(module.path) for module in told.unseen] == ["enc", "enc.fc"]
    said = "not compared, since all their results are in functions: 2 modules (enc, enc.fc)"
    assert said in said_of(told)
    assert diff(BODY, BODY).unseen == diff(IN_A_BRANCH, IN_A_BRANCH).unseen == ()


def test_calls_in_both_branches_are_compared() -> None:
    found = diff(IN_A_BRANCH, IN_A_BRANCH)
    assert found.equal
    assert found.numbers is not None
    calls = [(str(call.path), call.call) for call in found.numbers.calls if call.comparable]
    assert sorted(calls) == [("", 0), ("enc", 0), ("enc", 1), ("enc.fc", 0), ("enc.fc", 1), ("pre", 0)]


HALF = """g (float[2] x) => (float[2] y) {
  ["/a/Cast"] h = Cast<to = 10>(x) ["/a/Neg"] k = Neg(h) ["/b/Cast"] y = Cast<to = 1>(k)
}"""


def test_half_precision_on_a_cpu_is_told_where_numbers_were_taken() -> None:
    assert "half precision: onnxruntime computes much of it in single precision" in said_of(diff(HALF, HALF))
    assert "half precision" not in said_of(diff(HALF, HALF, numbers=False))
    assert "half precision" not in said_of(diff(BODY, BODY))


def said_of(found: Diff) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_diff(found, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("wrapped", ["before", "after"])
def test_a_prefix_of_either_model_keeps_the_roots_together(wrapped: str) -> None:
    plain = rewriter.load(model(BODY))
    other = rewriter.load(model(BODY.replace("/enc/", "/model/enc/").replace('"enc.', '"model.enc.')))
    pairs = pair_modules(other, plain) if wrapped == "before" else pair_modules(plain, other)
    found = {pair.before: pair.after for pair in pairs}
    assert found[ROOT] == ROOT
    lone = ("model", None) if wrapped == "before" else (None, "model")
    assert [(p.before, p.after) for p in pairs if None in (p.before, p.after)] == [lone]


OTHER = """g (float[2,4] x) => (float[2,2] y)
<float[4,2] "stem.conv.weight" = {1,0,0,0, 0,2,0,0}, float[2] "stem.norm.bias" = {1,2}> {
  ["/stem/conv/MatMul"] h = MatMul(x, "stem.conv.weight")
  ["/stem/norm/Sub"] k = Sub(h, "stem.norm.bias")
  ["/head/Tanh"] y = Tanh(k)
}"""


def test_models_without_common_modules_and_parameters_are_unrelated() -> None:
    found = diff(BODY, OTHER)
    assert found.unrelated
    assert "the models seem unrelated: 0 of 4 modules and 0 of 2 parameters of one" in said_of(found)
    assert not diff(BODY, BODY).unrelated
    assert not diff(BODY, BODY.replace("{1,2,3,4}", "{1,2,3,6}")).unrelated
