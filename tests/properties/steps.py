"""What the modules of random models do to an activation of two by three numbers, one function per step.

Draws of random numbers have a seed, so that onnxruntime draws the same in any order.
"""

from __future__ import annotations

from collections.abc import Callable

from onnx import NodeProto, TensorProto, ValueInfoProto, helper

from tests.properties.tracing import Tracer

SHAPE = (2, 3)
Step = Callable[[Tracer, str, int], str]
"""(tracer, activation, variant from 0 to 5) -> activation."""


def unary(t: Tracer, h: str, variant: int) -> str:
    return t.op(("Relu", "Neg", "Abs", "Tanh", "Sigmoid", "Identity")[variant], h)


def twice(t: Tracer, h: str, variant: int) -> str:
    """One value in two slots."""
    return t.op(("Mul", "Sub", "Max", "Mul", "Min", "Add")[variant], h, h)


def linear(t: Tracer, h: str, variant: int) -> str:
    h = t.op("MatMul", h, t.weight("weight", 3, 3))
    return t.op("Add", h, t.weight("bias", 3)) if variant % 2 else h


def scale(t: Tracer, h: str, variant: int) -> str:
    return t.op("Mul", h, t.constant(0.5 + variant // 3))


def clip(t: Tracer, h: str, variant: int) -> str:
    """An optional input left out in the middle, and one at the end."""
    if variant % 2:
        return t.op("Clip", h, t.constant(-1.0), "")
    return t.op("Clip", h, "", t.constant(1.0))


def residual(t: Tracer, h: str, variant: int) -> str:
    return t.op("Add", h, t.given if variant < 3 else "x")


def reshape(t: Tracer, h: str, variant: int) -> str:
    """The chain that exporters make of `h.view(h.size(0), 3)`; sizes of x are the same for all modules."""
    source = (h, t.given, "x")[variant % 3]
    size = t.op("Gather", t.op("Shape", source), t.constant(0, TensorProto.INT64), axis=0)
    size = t.op("Unsqueeze", size, t.constant([0], TensorProto.INT64))
    return t.op("Reshape", h, t.op("Concat", size, t.constant([3], TensorProto.INT64), axis=0))


def mask(t: Tracer, h: str, variant: int) -> str:
    """What follows from the input `m` alone, and is as large."""
    bias = t.op("Sub", t.constant(1.0), t.op("Cast", "m", to=TensorProto.FLOAT))
    return t.op(("Add", "Mul")[variant % 2], h, t.op("Mul", bias, t.constant(-4.0)))


def filled(t: Tracer, h: str, variant: int) -> str:
    """As large as what it takes the shape of, but made of nothing else."""
    value = helper.make_tensor("", TensorProto.FLOAT, [1], [2.0])
    return t.op("Add", h, t.op("ConstantOfShape", t.op("Shape", ("x", h)[variant % 2]), value=value))


def halves(t: Tracer, h: str, variant: int) -> str:
    """A node with two outputs, the second perhaps read by nobody."""
    first, second = t.ops("Split", [h], 2, axis=0)
    return t.op("Concat", first, second if variant % 2 else first, axis=0)


def noise(t: Tracer, h: str, variant: int) -> str:
    """One or two draws; of two equal ones either may come first in what reads them."""
    first = t.op("RandomNormalLike", (h, "x")[variant % 2], seed=1.0)
    if variant < 3:
        return t.op("Add", h, first)
    second = t.op("RandomNormalLike", (h, "x")[variant % 2], seed=1.0)
    return t.op("Sub", *((first, second) if variant < 5 else (second, first)))


def dropout(t: Tracer, h: str, variant: int) -> str:
    """As in evaluation, with and without an output that is left out, and as in training."""
    if variant == 5:
        return t.op("Dropout", h, t.constant(0.5), t.constant(1, TensorProto.BOOL), seed=1)
    return t.ops("Dropout", [h], 1, left_out=variant % 2)[0]


def foreign(t: Tracer, h: str, variant: int) -> str:
    name = ("pair", "draw")[variant == 5]
    t.foreign.add(name)
    return t.ops(name, [h, t.given], 1, domain="mine")[0]


def unknown(t: Tracer, h: str, variant: int) -> str:
    """An operator that nobody knows, by itself or in a branch, there with a sparse tensor."""
    if variant < 3:
        return t.op("Max", h, t.ops("Odd", [h], 1, domain="odd")[0])
    sparse, one, other = t.inner("sparse"), t.inner("then"), t.inner("else")
    odd = helper.make_node("Odd", [h, sparse], [one], domain="odd")
    neg = helper.make_node("Neg", [t.given], [other])
    then = helper.make_graph([odd], "then", [], [_float(one)])
    values = helper.make_tensor(sparse, TensorProto.FLOAT, [1], [0.5])
    places = helper.make_tensor("places", TensorProto.INT64, [1], [1])
    then.sparse_initializer.append(helper.make_sparse_tensor(values, places, [3]))
    return t.op(
        "If", "c", then_branch=then, else_branch=helper.make_graph([neg], "else", [], [_float(other)])
    )


def aside(t: Tracer, h: str, variant: int) -> str:
    """A value that leaves the graph, or that nobody reads."""
    value, dims = (t.op("Tanh", h), SHAPE) if variant < 4 else (t.constant(7.0 + variant), ())
    if variant % 2:
        t.results[value] = dims
    return h


def branch(t: Tracer, h: str, variant: int) -> str:
    """An If whose branches capture values, the one a weight and the other what the call was given."""
    weight = t.weight("shift", 3)
    one, other = t.inner("then"), t.inner("else")
    then = [helper.make_node("Add", [h, weight], [one])]
    orelse = [helper.make_node("Sub", [t.given, h], [other])]
    if variant == 5:
        inner = t.inner("deep")
        then = [helper.make_node("Neg", [h], [inner]), helper.make_node("Add", [inner, weight], [one])]
        nested = helper.make_graph(orelse, "nested", [], [_float(other)])
        again = helper.make_graph(then, "again", [], [_float(one)])
        result = t.inner("chosen")
        orelse = [helper.make_node("If", ["c"], [result], then_branch=again, else_branch=nested)]
        other, one = result, t.inner("plain")
        then = [helper.make_node("Neg", [h], [one])]
    if variant == 4:
        then.append(helper.make_node("Identity", [one], [t.inner("unread")]))
    branches = (
        helper.make_graph(then, "then", [], [_float(one)]),
        helper.make_graph(orelse, "else", [], [_float(other)]),
    )
    return t.op("If", "c", then_branch=branches[0], else_branch=branches[1])


def loop(t: Tracer, h: str, variant: int) -> str:
    """Two turns; the body reads what is made outside."""
    count, go, state, still, after = map(t.inner, ("i", "go", "state", "still", "after"))
    step = NodeProto() if variant == 5 else helper.make_node("Add", [state, t.given], [after])
    if variant == 5:
        step = helper.make_node("RandomNormalLike", [state], [after], seed=1.0)
    nodes = [helper.make_node("Identity", [go], [still]), step]
    inputs = [
        helper.make_tensor_value_info(count, TensorProto.INT64, []),
        helper.make_tensor_value_info(go, TensorProto.BOOL, []),
        _float(state),
    ]
    outputs = [helper.make_tensor_value_info(still, TensorProto.BOOL, []), _float(after)]
    body = helper.make_graph(nodes, "loop", inputs, outputs)
    if variant == 4:
        own = helper.make_tensor(t.inner("own"), TensorProto.FLOAT, [3], [0.5, 1.0, 1.5])
        body.initializer.append(own)
        step.input[1] = own.name
    return t.op("Loop", t.constant(2, TensorProto.INT64), "", h, body=body)


def scan(t: Tracer, h: str, variant: int) -> str:
    """Over the rows, without a state; the body reads a weight."""
    row, result = t.inner("row"), t.inner("result")
    outer = t.weight("shift", 3) if variant % 2 else t.constant(0.5)
    rows = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in (row, result)]
    body = helper.make_graph([helper.make_node("Mul", [row, outer], [result])], "scan", rows[:1], rows[1:])
    return t.op("Scan", h, body=body, num_scan_inputs=1)


def _float(name: str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE)


STEPS: tuple[Step, ...] = (
    *(unary, linear, scale, residual, reshape, mask, filled, twice, clip, halves),
    *(branch, loop, scan, dropout, foreign, aside, noise, unknown),
)
"""The plain ones first; the last one makes a model that does not run."""
