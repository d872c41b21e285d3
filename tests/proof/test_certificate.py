"""The certificate: what is the same counts as the same; what differs, or may differ, never does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rewriter.proof import numbering
from rewriter.proof.certificate import Certificate, certify, compare_expressions
from tests.proof.texts import DIFFERENT, EQUAL, OPSETS, UNPROVABLE, branches, loop, model, unary

WEIGHTED = "g (float[2] x) => (float[2] y) { y = Add(x, w) }"


def check(before: str | onnx.ModelProto, after: str | onnx.ModelProto) -> Certificate:
    left, right = (model(each) if isinstance(each, str) else each for each in (before, after))
    there, back = compare_expressions(left, right), compare_expressions(right, left)
    assert there.equal == back.equal
    assert (there.difference is None) == there.equal
    return there


def constant(tensor: TensorProto) -> onnx.ModelProto:
    """A model that yields a constant, kept as an initializer."""
    value = helper.make_tensor_value_info("y", tensor.data_type, list(tensor.dims))
    made = TensorProto()
    made.CopyFrom(tensor)
    made.name = "w"
    node = helper.make_node("Identity", ["w"], ["y"])
    return helper.make_model(helper.make_graph([node], "g", [], [value], [made]))


@pytest.mark.parametrize("pair", (EQUAL | DIFFERENT).values(), ids=[*EQUAL, *DIFFERENT])
def test_a_model_equals_itself(pair: tuple[str, str]) -> None:
    for text in pair:
        found = check(text, text)
        assert found.equal and found.outputs == len(model(text).graph.output), found.difference


@pytest.mark.parametrize("pair", EQUAL.values(), ids=list(EQUAL))
def test_equal(pair: tuple[str, str]) -> None:
    assert check(*pair) == Certificate(True, 1)


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=list(DIFFERENT))
def test_different(pair: tuple[str, str]) -> None:
    assert not check(*pair).equal


@pytest.mark.parametrize(("text", "reason"), UNPROVABLE.values(), ids=list(UNPROVABLE))
def test_unprovable(text: str, reason: str) -> None:
    found = check(text, text)
    assert not found.equal and reason in (found.difference or "")


def test_metadata_names_and_docs_do_not_count() -> None:
    before, after = model(unary("a = Neg(x) y = Exp(a)")), model(unary("a = Neg(x) y = Exp(a)"))
    helper.set_model_props(after, {"rewriter.schema": "1"})
    after.producer_name = after.graph.name = after.graph.doc_string = "other"
    for node in after.graph.node:
        node.name, node.doc_string = f"/m/{node.op_type}", "text"
        node.metadata_props.add(key="namespace", value="m")
    after.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [2]))
    assert check(before, after).equal


def test_the_difference_names_the_first_node() -> None:
    found = check(
        unary("[first] a = Neg(x) [second] b = Exp(a) y = Abs(b)"), unary("a = Neg(x) b = Log(a) y = Abs(b)")
    )
    assert found.difference == "output 'y' is computed otherwise, first at node 'second' (Exp)"


# -- tensors


VALUES: dict[str, list[Any]] = {
    "FLOAT": [1.5, -2.0, 0.0],
    "DOUBLE": [1.5, -2.0, 0.0],
    "FLOAT16": [1.5, -2.0, 0.0],
    "BFLOAT16": [1.5, -2.0, 0.0],
    "FLOAT8E4M3FN": [1.5, -2.0, 0.0],
    "FLOAT8E5M2": [1.5, -2.0, 0.0],
    "INT4": [1, -2, 7],
    "UINT4": [1, 2, 15],
    "INT8": [1, -2, 127],
    "UINT16": [1, 2, 65535],
    "INT64": [1, -2, 2**62],
    "UINT64": [1, 2, 2**63],
    "BOOL": [True, False, True],
    "COMPLEX64": [1 + 2j, 3j, 0j],
}


@pytest.mark.parametrize("element", VALUES)
def test_raw_and_typed_fields_are_one_content(element: str) -> None:
    kind = TensorProto.DataType.Value(element)
    typed = helper.make_tensor("w", kind, [3], VALUES[element])
    raw = numpy_helper.from_array(numpy_helper.to_array(typed), "w")
    assert raw.HasField("raw_data") and not typed.HasField("raw_data")
    assert check(constant(typed), constant(raw)).equal
    other = TensorProto()
    other.CopyFrom(raw)
    other.raw_data = bytes([raw.raw_data[0] ^ 1]) + raw.raw_data[1:]
    assert not check(constant(typed), constant(other)).equal


def raw(data: bytes, kind: int = TensorProto.FLOAT, dims: list[int] | None = None) -> TensorProto:
    return TensorProto(data_type=kind, dims=[len(data) // 4] if dims is None else dims, raw_data=data)


def wired(field: int, data: bytes) -> TensorProto:
    """A float tensor whose typed field holds these very bytes, which Python's floats might not carry."""
    tensor = TensorProto(data_type=TensorProto.FLOAT, dims=[len(data) // 4])
    tensor.MergeFromString(bytes([field << 3 | 2, len(data)]) + data)
    return tensor


QUIET, SIGNALLING = bytes.fromhex("0100c07f"), bytes.fromhex("0100807f")

DIFFERENT_TENSORS: dict[str, tuple[TensorProto, TensorProto]] = {
    "payload of a NaN": (raw(QUIET), raw(SIGNALLING)),
    "payload of a NaN in float_data": (wired(4, QUIET), wired(4, SIGNALLING)),
    "payload of a NaN, raw and typed": (raw(QUIET), wired(4, SIGNALLING)),
    "negative zero": (raw(bytes(4)), raw(bytes(3) + b"\x80")),
    "element type": (raw(bytes(4)), raw(bytes(4), TensorProto.INT32)),
    "shape": (raw(bytes(16)), raw(bytes(16), dims=[2, 2])),
    "shape without elements": (raw(b"", dims=[0, 2]), raw(b"", dims=[2, 0])),
    "type without elements": (raw(b"", dims=[0]), raw(b"", TensorProto.INT64, [0])),
    "strings": (
        TensorProto(data_type=TensorProto.STRING, dims=[2], string_data=[b"a", b"bc"]),
        TensorProto(data_type=TensorProto.STRING, dims=[2], string_data=[b"ab", b"c"]),
    ),
    "large, alike at both ends and in the middle": (
        raw(bytes(40_000)),
        raw(bytes(10_000) + b"\x01" + bytes(29_999)),
    ),
    "typed field beside raw data": (
        TensorProto(data_type=1, dims=[1], raw_data=bytes(4), float_data=[1.0]),
        TensorProto(data_type=1, dims=[1], raw_data=bytes(4), float_data=[2.0]),
    ),
    "typed field of another type": (
        TensorProto(data_type=1, dims=[1], int32_data=[1]),
        TensorProto(data_type=1, dims=[1], int32_data=[2]),
    ),
    "values for another shape": (
        TensorProto(data_type=1, dims=[2], float_data=[1.0]),
        TensorProto(data_type=1, dims=[2], float_data=[2.0]),
    ),
}


@pytest.mark.parametrize("pair", DIFFERENT_TENSORS.values(), ids=list(DIFFERENT_TENSORS))
def test_different_tensors(pair: tuple[TensorProto, TensorProto]) -> None:
    for tensor in pair:
        assert check(constant(tensor), constant(tensor)).equal
    assert not check(*map(constant, pair)).equal


def test_large_tensors_alike_are_equal() -> None:
    assert check(constant(raw(bytes(40_000))), constant(raw(bytes(40_000)))).equal


def sparse(values: list[float], indices: list[int]) -> onnx.SparseTensorProto:
    return helper.make_sparse_tensor(
        helper.make_tensor("w", TensorProto.FLOAT, [len(values)], values),
        helper.make_tensor("", TensorProto.INT64, [len(indices)], indices),
        [4],
    )


@pytest.mark.parametrize("other", [sparse([1, 3], [0, 2]), sparse([1, 2], [0, 3])])
def test_sparse_initializers_and_constants(other: onnx.SparseTensorProto) -> None:
    def initializer(tensor: onnx.SparseTensorProto) -> onnx.ModelProto:
        made = model("g (float[4] x) => (float[4] y) { y = Add(x, w) }")
        made.graph.sparse_initializer.append(tensor)
        return made

    def attribute(tensor: onnx.SparseTensorProto) -> onnx.ModelProto:
        made = model("g (float[4] x) => (float[4] y) { w = Constant() y = Add(x, w) }")
        made.graph.node[0].attribute.append(helper.make_attribute("sparse_value", tensor))
        return made

    for make in (initializer, attribute):
        assert check(make(sparse([1, 2], [0, 2])), make(sparse([1, 2], [0, 2]))).equal
        assert not check(make(sparse([1, 2], [0, 2])), make(other)).equal


# -- what text cannot say


def test_of_two_initializers_of_one_name_both_count() -> None:
    def made(*values: float) -> onnx.ModelProto:
        text = model(WEIGHTED)
        text.graph.initializer.extend(helper.make_tensor("w", TensorProto.FLOAT, [1], [v]) for v in values)
        return text

    assert check(made(1, 2), made(1, 2)).equal
    for single in (1, 2):
        assert not check(made(1, 2), made(single)).equal
        assert not check(made(1, 2), made(single, 3)).equal


def test_overloads_are_functions_of_their_own() -> None:
    def made(overload: str) -> onnx.ModelProto:
        text = model(unary("y = m.f(x)", "def f (a) => (b) { b = Neg(a) } def g (a) => (b) { b = Abs(a) }"))
        text.functions[0].overload, text.functions[1].name, text.functions[1].overload = "one", "f", "two"
        text.graph.node[0].overload = overload
        return text

    assert check(made("one"), model(unary("y = Neg(x)"))).equal
    assert check(made("two"), model(unary("y = Abs(x)"))).equal
    assert not check(made("one"), made("two")).equal


def test_untyped_attribute_with_a_graph_is_unprovable() -> None:
    made = model(branches("p = Abs(x)"))
    for attribute in made.graph.node[0].attribute:
        attribute.type = onnx.AttributeProto.UNDEFINED
    assert "no type" in (check(made, made).difference or "")


def test_constant_reads_the_field_of_its_type() -> None:
    def made(value: float) -> onnx.ModelProto:
        text = model(unary("w = Constant() y = Add(x, w)"))
        text.graph.node[0].attribute.append(
            onnx.AttributeProto(name="value", type=onnx.AttributeProto.FLOAT, f=value)
        )
        return text

    assert not check(made(1), made(2)).equal


def test_value_float_keeps_the_payload_of_a_nan() -> None:
    def made(data: bytes) -> onnx.ModelProto:
        text = model(unary("w = Constant() y = Add(x, w)"))
        attribute = onnx.AttributeProto(name="value_float", type=onnx.AttributeProto.FLOAT)
        attribute.MergeFromString(b"\x15" + data)
        text.graph.node[0].attribute.append(attribute)
        return text

    assert check(made(SIGNALLING), made(SIGNALLING)).equal
    assert not check(made(QUIET), made(SIGNALLING)).equal


def test_default_that_refers_to_itself_is_unprovable() -> None:
    made = model(
        unary("y = m.f(x)", "def f <s: float = 2.0> (a) => (b) { b = LeakyRelu<alpha: float = @s>(a) }")
    )
    made.functions[0].attribute_proto[0].ref_attr_name = "s"
    assert "refers to another" in (check(made, made).difference or "")


def test_opsets_newer_than_onnx_differ_from_those_it_knows() -> None:
    known, future = model(unary("y = Neg(x)")), model(unary("y = Neg(x)"))
    future.opset_import[0].version = onnx.defs.onnx_opset_version() + 1
    assert check(future, future).equal
    assert not check(known, future).equal


# -- size and depth


def doubling(levels: int, body: str) -> onnx.ModelProto:
    functions = [f'<domain: "m", {OPSETS}> f0 (a) => (b) {{ b = Neg(a) }}']
    functions += [
        f'<domain: "m", {OPSETS}> f{n} (a) => (b) {{ {body.replace("f(", f"m.f{n - 1}(")} }}'
        for n in range(1, levels)
    ]
    return model("\n".join([unary(f"y = m.f{levels - 1}(x)"), *functions]))


def test_doubling_functions_are_read_once_each() -> None:
    made = doubling(33, "d = f(a) e = f(a) b = Add(d, e)")
    assert check(made, made).equal


@pytest.mark.parametrize("body", ["d = f(a) b = f(d)", "r = RandomNormalLike(a) d = f(r) b = f(d)"])
def test_doubling_functions_that_cannot_be_shared_are_given_up(
    body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbering, "MAX_INLINED", 10_000)
    made = doubling(33, body)
    assert "more than 10,000 nodes" in (check(made, made).difference or "")
    small = doubling(6, body)
    assert check(small, small).equal


@pytest.mark.parametrize("levels", [100, 101])
def test_calls_nest_as_deep_as_the_checker_allows(levels: int) -> None:
    made = doubling(levels, "b = f(a)")
    assert check(made, made).equal == (levels <= 100)


def test_graphs_nest_as_deep_as_a_file_holds() -> None:
    def nested(operator: str) -> onnx.ModelProto:
        made = model(branches(f"p = {operator}(x)"))
        for level in range(30):
            outer = model(branches("p = Abs(x)"))
            for graph in (outer.graph.node[0].attribute[0].g,):
                del graph.node[:]
                graph.node.extend(made.graph.node)
                graph.node[-1].output[0] = graph.output[0].name = f"p{level}"
            made = outer
        return onnx.load_from_string(made.SerializeToString())

    assert check(nested("Exp"), nested("Exp")).equal
    assert not check(nested("Exp"), nested("Sin")).equal


def test_nested_graphs_of_calls_come_to_an_end() -> None:
    call = "y = m.f<s = t () => (float[2] p) { BODY }>(c, x)"
    text = "y = Exp(x)"
    for level in range(12):
        text = call.replace("BODY", text.replace("y =", f"p{level} =", 1)).replace(
            "float[2] p)", f"float[2] p{level})", 1
        )
    made = model(
        unary(
            text,
            "def f <s> (d, a) => (b) { b = If(d) <then_branch: graph = @s, "
            "else_branch = e () => (float[2] q) { q = Exp(a) }> }",
        )
    )
    assert check(made, made).equal


def test_a_long_chain() -> None:
    def chain(last: str) -> onnx.ModelProto:
        made = model(unary("y = Neg(x)"))
        del made.graph.node[:]
        for number in range(20_000):
            made.graph.node.add(
                op_type="Neg", input=[f"v{number}" if number else "x"], output=[f"v{number + 1}"]
            )
        made.graph.node.add(op_type=last, input=["v20000"], output=["y"])
        return made

    assert certify(chain("Exp"), chain("Exp")).equal
    assert not certify(chain("Exp"), chain("Sin")).equal


# -- external data


def external(folder: Path, data: bytes, location: str = "w.bin", **entries: Any) -> onnx.ModelProto:
    folder.mkdir(exist_ok=True)
    if location == "w.bin":
        (folder / location).write_bytes(data)
    made = model(WEIGHTED)
    tensor = made.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[2])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return made


def test_external_data_in_one_folder_counts_by_reference(tmp_path: Path) -> None:
    made = external(tmp_path, b"", length=8)  # the file is too short to be read
    other = external(tmp_path, b"", length=8, offset=8)
    assert certify(made, made, before_folder=tmp_path, after_folder=tmp_path).equal
    assert not certify(made, other, before_folder=tmp_path, after_folder=tmp_path).equal


@pytest.mark.parametrize("entries", [{}, {"offset": 4, "length": 8}])
def test_external_data_in_two_folders_counts_by_content(tmp_path: Path, entries: dict[str, Any]) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    before = external(one, bytes(range(12)), **entries)
    assert certify(
        before, external(two, bytes(range(12)), **entries), before_folder=one, after_folder=two
    ).equal
    changed = bytes(range(8)) + b"\xff" + bytes(range(9, 12))
    assert not certify(before, external(two, changed, **entries), before_folder=one, after_folder=two).equal


def test_external_data_equals_the_same_data_inside(tmp_path: Path) -> None:
    outside, inside = external(tmp_path, bytes(8)), model(WEIGHTED)
    inside.graph.initializer.append(helper.make_tensor("w", TensorProto.FLOAT, [2], [0, 0]))
    assert certify(outside, inside, before_folder=tmp_path, after_folder=None).equal
    inside.graph.initializer[0].float_data[1] = 1
    assert not certify(outside, inside, before_folder=tmp_path, after_folder=None).equal


@pytest.mark.parametrize(
    ("location", "entries"),
    [
        ("missing.bin", {}),
        ("/dev/zero", {}),
        ("../one/w.bin", {}),
        ("", {}),
        ("w.bin", {"offset": "x"}),
        ("w.bin", {"offset": -4}),
        ("w.bin", {"length": -4}),
        ("w.bin", {"length": 16}),
    ],
)
def test_external_data_that_cannot_be_read_is_unprovable(
    tmp_path: Path, location: str, entries: dict[str, Any]
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    before = external(one, bytes(8))
    after = external(two, bytes(8), location, **entries)
    found = certify(before, after, before_folder=one, after_folder=two)
    assert "cannot be read" in (found.difference or "")


def test_the_texts_say_what_onnx_says() -> None:
    """Guards the pairs themselves: loops and branches are real ones, which the checker knows."""
    for text in (loop("t = Neg(s)"), branches("p = Abs(x)"), EQUAL["graph in a function attribute"][1]):
        onnx.checker.check_model(model(text), full_check=True)
