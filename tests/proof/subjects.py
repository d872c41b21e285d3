"""Small models for the certificate to be attacked on: functions, bodies and boundaries of every kind.

Activations are two by three floats. onnxruntime runs all of them, the same each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper

_UNARY = ("Neg", "Abs", "Sin", "Tanh", "Sigmoid")
_BINARY = ("Sub", "Add", "Mul", "Max")
_NARROW = (TensorProto.FLOAT16, TensorProto.INT32, TensorProto.DOUBLE, TensorProto.INT16)
_IMPORTS = [helper.make_opsetid("", 18), helper.make_opsetid("m", 1), helper.make_opsetid("ai.onnx.ml", 3)]

_FUNCTIONS = """
<ir_version: 10, opset_import: ["" : 18, "m" : 1]>
g (float[2,3] x) => (float[2,3] y) { y = Neg(x) }
<domain: "m", opset_import: ["" : 18, "m" : 1]>
affine <scale: float = 1.5, shift: float = 0.25> (a, b) => (r, s) {
  k = Constant<value_float: float = @scale>()  h = Constant<value_float: float = @shift>()
  t = Mul(a, k)  u = Add(t, h)  r = Sub(u, b)  s = Sin(r)
}
<domain: "m", opset_import: ["" : 18, "m" : 1]>
other <scale: float = 0.5, shift: float = 2.0> (a, b) => (r, s) {
  k = Constant<value_float: float = @scale>()  t = Mul(b, k)
  r = Sub(a, t)  s = LeakyRelu<alpha: float = @shift>(r)
}
<domain: "m", opset_import: ["" : 18, "m" : 1]>
norm <axis: int = 1, sharp: float = 2.0> (a) => (r) {
  k = Constant<value_float: float = @sharp>()  t = Mul(a, k)  r = Softmax<axis: int = @axis>(t)
}
<domain: "m", opset_import: ["" : 18, "m" : 1]>
nested <scale: float = 3.0, axis: int = 0> (a, b) => (r, s) {
  p, q = m.affine<scale: float = @scale>(b, a)
  t = m.norm<axis: int = @axis>(p)  r = Sub(t, q)  s = m.norm(q)
}
<domain: "m", opset_import: ["" : 17, "m" : 1]>
branchy (d, a, b) => (r) {
  v = Sin(a)
  r = If(d) <then_branch = t () => (float[2,3] p) { e = Sub(v, b) p = Tanh(e) },
             else_branch = f () => (float[2,3] q) { q = Sub(b, a) }>
}
<domain: "m", opset_import: ["" : 18, "m" : 1]>
draws <seed: float = 3.0> (a) => (r) {
  n = RandomNormalLike<seed: float = @seed>(a)  r = Add(a, n)
}
<domain: "m", opset_import: ["" : 18, "m" : 1]>
pick (a, b) => (r) { r = Sub(a, b) }
<domain: "m", overload: "two", opset_import: ["" : 18, "m" : 1]>
pick (a, b) => (r) { t = Sin(b)  r = Mul(a, t) }
<domain: "m", overload: "three", opset_import: ["" : 13, "m" : 1]>
pick (a, b) => (r) { t = Softmax<axis: int = 0>(a)  r = Max(t, b) }
"""


@dataclass
class Maker:
    """Writes one model down."""

    rng: Random
    nodes: list[NodeProto] = field(default_factory=list)
    tensors: list[TensorProto] = field(default_factory=list)
    count: int = 0

    def name(self, base: str = "v") -> str:
        self.count += 1
        return f"{base}{self.count}"

    def op(self, op_type: str, *inputs: str, into: list[NodeProto] | None = None, **attributes: Any) -> str:
        result = self.name()
        nodes = self.nodes if into is None else into
        nodes.append(helper.make_node(op_type, inputs, [result], **attributes))
        return result

    def weight(self, *dims: int, element: int = TensorProto.FLOAT, into: Any = None) -> str:
        """An initializer with values of one binary digit behind the point, integers for integers."""
        size = 1
        for dim in dims:
            size *= dim
        values = [self.rng.randrange(1, 9) * (0.5 if element in (1, 10, 11) else 1) for _ in range(size)]
        tensor = helper.make_tensor(self.name("w"), element, dims, values)
        (self.tensors if into is None else into).append(tensor)
        return tensor.name


def _any(t: Maker, choices: Sequence[Any]) -> Any:
    return t.rng.choice(choices)


def _plain(t: Maker, known: list[str]) -> list[str]:
    h = t.op(t.rng.choice(_UNARY), t.rng.choice(known))
    return [t.op(t.rng.choice(_BINARY), h, t.rng.choice(known))]


def _linear(t: Maker, known: list[str]) -> list[str]:
    h = t.op("MatMul", t.rng.choice(known), t.weight(3, 3))
    return [t.op("Add", h, t.weight(3))]


def _cast(t: Maker, known: list[str]) -> list[str]:
    """A weight of another type, and a value rounded to another and back."""
    w = t.op("Cast", t.weight(2, 3, element=t.rng.choice(_NARROW)), to=TensorProto.FLOAT)
    h = t.op("Mul", t.rng.choice(known), w)
    h = t.op("Cast", h, to=t.rng.choice((TensorProto.DOUBLE, TensorProto.FLOAT16)))
    return [t.op("Cast", h, to=TensorProto.FLOAT)]


def _optional(t: Maker, known: list[str]) -> list[str]:
    """Inputs left out in the middle and at the end; attributes with and without their default."""
    low, high = (helper.make_tensor(t.name("w"), TensorProto.FLOAT, [], [v]) for v in (-0.25, 0.25))
    t.tensors += [low, high]
    given = t.rng.choice([(low.name,), ("", high.name), (low.name, high.name)])
    h = t.op("Clip", t.rng.choice(known), *given)
    if t.rng.random() < 0.5:
        h = t.op("Softmax", h, **_any(t, ({}, {"axis": 0}, {"axis": -1})))
    return [t.op("LeakyRelu", h, **_any(t, ({}, {"alpha": 0.01}, {"alpha": 0.5})))]


def _split(t: Maker, known: list[str]) -> list[str]:
    first, second = t.name(), t.name()
    t.nodes.append(helper.make_node("Split", [t.rng.choice(known)], [first, second], num_outputs=2))
    values, places = t.name(), t.name()
    t.nodes.append(helper.make_node("TopK", [first, _sizes(t, [3])], [values, places], axis=1))
    h = t.op("Concat", second, values, axis=0)
    return [h, t.op("Add", h, t.op("Cast", places, to=TensorProto.FLOAT))]


def _sizes(t: Maker, values: list[int]) -> str:
    t.tensors.append(helper.make_tensor(t.name("w"), TensorProto.INT64, [len(values)], values))
    return t.tensors[-1].name


def _call(t: Maker, known: list[str]) -> list[str]:
    name = t.rng.choice(("affine", "other", "nested", "affine"))
    attributes = _any(t, ({}, {"scale": 2.5}, {"scale": 0.75}))
    results = [t.name(), t.name()]
    arguments = [t.rng.choice(known), t.rng.choice(known)]
    t.nodes.append(helper.make_node(name, arguments, results, domain="m", **attributes))
    return results


def _small_call(t: Maker, known: list[str]) -> list[str]:
    which = t.rng.randrange(3)
    if which == 0:
        attributes: dict[str, Any] = t.rng.choice(({}, {"axis": 0}, {"axis": 1, "sharp": 0.5}))
        return [t.op("norm", t.rng.choice(known), domain="m", **attributes)]
    if which == 1:
        return [t.op("branchy", "c", t.rng.choice(known), t.rng.choice(known), domain="m")]
    return [t.op("draws", t.rng.choice(known), domain="m", **_any(t, ({}, {"seed": 5.0})))]


def _if(t: Maker, known: list[str], depth: int = 2) -> list[str]:
    branches: Any = {side: _branch(t, known, depth, side) for side in ("then_branch", "else_branch")}
    return [t.op("If", t.rng.choice(("c", "d")), **branches)]


def _branch(t: Maker, known: list[str], depth: int, name: str) -> onnx.GraphProto:
    inner: list[NodeProto] = []
    tensors: list[TensorProto] = []
    h = t.op(t.rng.choice(_UNARY), t.rng.choice(known), into=inner)
    other = t.weight(2, 3, into=tensors) if t.rng.random() < 0.3 else t.rng.choice(known)
    h = t.op("Sub", h, other, into=inner)
    if depth > 1 and t.rng.random() < 0.4:
        outer, t.nodes = t.nodes, inner
        h = _if(t, [*known, h], depth - 1)[0]
        t.nodes = outer
    return helper.make_graph(inner, name, [], [_float(h)], tensors)


def _loop(t: Maker, known: list[str]) -> list[str]:
    """Two carried values and one that is gathered, over values from outside."""
    i, go, one, two = (t.name(base) for base in ("i", "go", "one", "two"))
    inner: list[NodeProto] = []
    tensors: list[TensorProto] = []
    h = t.op("Sub", one, t.rng.choice(known), into=inner)
    a = t.op("Tanh", t.op("Add", h, two, into=inner), into=inner)
    b = t.op("Mul", two, t.weight(3, into=tensors), into=inner)
    if t.rng.random() < 0.4:
        b = t.op("Add", b, t.op("RandomNormalLike", b, into=inner, seed=2.0), into=inner)
    on = t.op("Identity", go, into=inner)
    infos = [_info(i, TensorProto.INT64, []), _info(go, TensorProto.BOOL, []), _float(one), _float(two)]
    results = [_info(on, TensorProto.BOOL, []), _float(a), _float(b), _float(h)]
    body = helper.make_graph(inner, t.name("body"), infos, results, tensors)
    names = [t.name(), t.name(), t.name()]
    t.tensors.append(helper.make_tensor(t.name("w"), TensorProto.INT64, [], [2]))
    inputs = [t.tensors[-1].name, "", t.rng.choice(known), t.rng.choice(known)]
    t.nodes.append(helper.make_node("Loop", inputs, names, body=body))
    return [*names[:2], t.op("ReduceMean", names[2], _sizes(t, [0]), keepdims=0)]


def _scan(t: Maker, known: list[str]) -> list[str]:
    state, row = t.name("state"), t.name("row")
    inner: list[NodeProto] = []
    after = t.op("Sub", row, state, into=inner)
    out = t.op("Mul", after, t.weight(3), into=inner)
    infos = [_info(state, TensorProto.FLOAT, [3]), _info(row, TensorProto.FLOAT, [3])]
    results = [_info(after, TensorProto.FLOAT, [3]), _info(out, TensorProto.FLOAT, [3])]
    body = helper.make_graph(inner, t.name("body"), infos, results)
    names = [t.name(), t.name()]
    arguments = [t.weight(3), t.rng.choice(known)]
    more = _any(t, ({}, {"scan_input_directions": [1]}))
    t.nodes.append(helper.make_node("Scan", arguments, names, body=body, num_scan_inputs=1, **more))
    return [names[1], t.op("Add", names[1], names[0])]


def _sparse(t: Maker, known: list[str]) -> list[str]:
    """A sparse initializer, which is put in at the end."""
    return [t.op("Add", t.rng.choice(known), "sparse")]


def _overloads(t: Maker, known: list[str]) -> list[str]:
    """Functions of one name."""
    overloads = t.rng.choice((("", "two"), ("two", "three"), ("three", ""), ("two",)))
    one, other = t.rng.choice(known), t.rng.choice(known)
    return [t.op("pick", one, other, domain="m", overload=overload) for overload in overloads]


def _texts(t: Maker, known: list[str]) -> list[str]:
    """Numbers written as text, and text looked up."""
    numbers = _text(t, [f"{t.rng.randrange(1, 9)}.5" for _ in range(6)])
    h = t.op("Cast", numbers, to=TensorProto.FLOAT)
    keys = _text(t, [t.rng.choice(("red", "green", "blue")) for _ in range(6)])
    values = [float(t.rng.randrange(1, 9)) for _ in range(3)]
    table: dict[str, Any] = {"keys_strings": ["red", "green", "blue"], "values_floats": values}
    k = t.op("LabelEncoder", keys, domain="ai.onnx.ml", default_float=0.25, **table)
    return [t.op("Add", t.rng.choice(known), h), t.op("Mul", t.rng.choice(known), k)]


def _text(t: Maker, texts: Sequence[str]) -> str:
    tensor = TensorProto(name=t.name("w"), data_type=TensorProto.STRING, dims=[2, 3])
    tensor.string_data.extend(text.encode() for text in texts)
    t.tensors.append(tensor)
    return tensor.name


def _cancelled_draw(t: Maker, known: list[str]) -> list[str]:
    """A draw without a seed, less itself: nothing, unless it is drawn twice."""
    h = t.rng.choice(known)
    drawn = t.op(t.rng.choice(("RandomNormalLike", "RandomUniformLike")), h)
    return [t.op("Add", h, t.op("Sub", drawn, drawn))]


def _soft(t: Maker, known: list[str]) -> list[str]:
    """Operators that mean something else before opset 13: there, all axes from the one given on are one."""
    return [t.op(t.rng.choice(("Softmax", "LogSoftmax", "Hardmax")), t.rng.choice(known), axis=0)]


_STEPS = (
    _plain,
    _plain,
    _linear,
    _cast,
    _optional,
    _split,
    _call,
    _call,
    _small_call,
    _if,
    _loop,
    _scan,
    _sparse,
    _overloads,
    _texts,
    _cancelled_draw,
    _soft,
)
_OLD = (_plain, _linear, _cast, _optional, _call, _small_call, _if, _sparse, _cancelled_draw, _soft, _soft)
"""Steps that opset 11 knows as well."""


def subject(seed: int) -> ModelProto:
    """The model of a seed: up to eight steps, all of them read by one of two or three outputs.

    One in five would load with other opsets, where it computes something else.
    """
    t = Maker(Random(seed))
    known = ["x", "z", t.weight(2, 3)]
    fresh: list[str] = []
    for _ in range(t.rng.randrange(3, 9)):
        made = t.rng.choice(_OLD if seed % 5 == 2 else _STEPS)(t, known + fresh)
        fresh += made
    cut = max(1, len(fresh) // 2)
    results = []
    for part in (fresh[:cut], fresh[cut:] or fresh[:1]):
        total = part[0]
        for name in part[1:]:
            total = t.op("Sub", total, name)
        results.append(t.op("Tanh", total))
    graph = helper.make_graph(
        t.nodes,
        "g",
        [_float("x"), _float("z"), *(_info(name, TensorProto.BOOL, []) for name in "cd")],
        [_float(name) for name in (*results, *({fresh[0]} if seed % 3 == 0 else ()))],
        t.tensors,
    )
    if any("sparse" in node.input for node in t.nodes):
        values = helper.make_tensor("sparse", TensorProto.FLOAT, [2], [1.5, -0.5])
        graph.sparse_initializer.append(
            helper.make_sparse_tensor(values, helper.make_tensor("", TensorProto.INT64, [2], [1, 4]), [2, 3])
        )
    default = t.tensors[0]  # read by many; the caller may give another
    graph.input.append(_info(default.name, default.data_type, list(default.dims)))
    return helper.make_model(graph, opset_imports=_IMPORTS, ir_version=10, functions=_functions())


def _functions() -> list[onnx.FunctionProto]:
    return list(onnx.parser.parse_model(_FUNCTIONS).functions)


def _float(name: str) -> onnx.ValueInfoProto:
    return _info(name, TensorProto.FLOAT, [2, 3])


def _info(name: str, element: int, dims: list[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, element, dims)
