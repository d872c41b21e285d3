"""Counts the operations of a node from its operator and shapes, by one table of rules.

A multiplication with an addition counts as two operations, as in torch's flop counter (fvcore counts one).
Most elementwise operators count as one operation per output element, independent of the function and the type
of the elements. Moving data counts as none. The count is unknown, not zero, if the operator is not in the
table or its rule cannot be applied, for example because a shape is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from onnx import NodeProto, helper

from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.operators import canonical
from rewriter.runtime.infer.shapes import Shapes

Shape = tuple[int, ...]
_DOMAINS = frozenset({"", "com.microsoft", "ai.onnx.contrib"})


class UnknownFlops(Exception):
    """Raised if the operations of a node cannot be counted; the text has the reason."""


@dataclass(frozen=True, slots=True)
class Site:
    """Node with the names and shapes of its inputs and outputs."""

    node: NodeProto
    reads: tuple[tuple[str, Shape | None], ...]
    writes: tuple[tuple[str, Shape | None], ...]

    def input(self, position: int) -> Shape:
        """Return the shape of an input.

        Raises:
            UnknownFlops: the shape is unknown, or the input is left out.
        """
        return _shape(self.reads, position)

    def output(self, position: int = 0) -> Shape:
        """Return the shape of an output.

        Raises:
            UnknownFlops: the shape is unknown, or the output is left out.
        """
        return _shape(self.writes, position)

    def has(self, position: int) -> bool:
        """Whether an optional input is given."""
        return position < len(self.reads) and bool(self.reads[position][0])

    def attribute(self, name: str, default: Any) -> Any:
        """Return the value of an attribute, or a default."""
        for attribute in self.node.attribute:
            if attribute.name == name:
                return helper.get_attribute_value(attribute)
        return default


Rule = Callable[[Site], int]


def _shape(values: tuple[tuple[str, Shape | None], ...], position: int) -> Shape:
    name, shape = values[position] if position < len(values) else ("", None)
    if shape is None:
        raise UnknownFlops("the shape of an input or output is unknown" if name else "an input is missing")
    return shape


def flops_of(graph: GraphIndex, shapes: Shapes) -> list[int | str]:
    """Return the number of operations of each node, or the reason why it is unknown.

    If, Loop, Scan, SequenceMap and calls of functions count as 0. Nodes in graph bodies and functions count
    once, however often they run.
    """
    functions = {(canonical(f.domain), f.name) for f in graph.model.functions}
    found: list[int | str] = []
    for number, node in enumerate(graph.nodes):
        if (canonical(node.domain), node.op_type) in functions:
            found.append(0)
            continue
        rule = RULES.get(node.op_type) if canonical(node.domain) in _DOMAINS else None
        if rule is None:
            found.append(f"no rule for {node.op_type}")
            continue
        try:
            found.append(int(rule(_site(graph, shapes, number))))
        except UnknownFlops as reason:
            found.append(f"{node.op_type}: {reason}")
        except (IndexError, ValueError, TypeError, ZeroDivisionError):
            found.append(f"the shapes around this {node.op_type} do not fit")
    return found


def _site(graph: GraphIndex, shapes: Shapes, node: int) -> Site:
    def told(value: int) -> tuple[str, Shape | None]:
        if value == NONE:
            return "", None
        known = shapes.of.get(value)
        return graph.value_names[value], known.shape if known else None

    return Site(graph.nodes[node], tuple(map(told, graph.reads[node])), tuple(map(told, graph.writes[node])))


def _per_output(times: int) -> Rule:
    return lambda site: times * prod(site.output())


def _per_input(times: int) -> Rule:
    return lambda site: times * prod(site.input(0))


def _nothing(site: Site) -> int:
    return 0


def _variadic(site: Site) -> int:
    return max(len(site.reads) - 1, 1) * prod(site.output())


def _matmul(left: int, right: int) -> Rule:
    """Return a rule: 2·k per output element, where k is the number of summed products."""

    def rule(site: Site) -> int:
        shape = site.input(left)
        last = -2 if site.attribute("transA", 0) and len(shape) > 1 else -1
        _ = site.input(right)
        return 2 * shape[last] * prod(site.output())

    return rule


def _gemm(site: Site) -> int:
    rows = site.input(0)
    k = rows[0] if site.attribute("transA", 0) else rows[1]
    return (2 * k + site.has(2)) * prod(site.output())


def _matmul_of_attributes(site: Site) -> int:
    return 2 * int(site.attribute("K", 0)) * prod(site.output())


def _conv(weight: int, bias: int | None) -> Rule:
    """Return a rule: 2·(in/group)·(kernel) per output element, for weights [out, in/group, *kernel].

    A bias adds 1 per output element.
    """

    def rule(site: Site) -> int:
        biased = bias is not None and site.has(bias)
        return (2 * prod(site.input(weight)[1:]) + biased) * prod(site.output())

    return rule


def _conv_transpose(site: Site) -> int:
    """Count the products of each input element with its channel's weights, [in, out/group, *kernel].

    A bias adds 1 per output element.
    """
    return 2 * prod(site.input(1)[1:]) * prod(site.input(0)) + site.has(2) * prod(site.output())


def _pool(site: Site) -> int:
    return int(prod(site.attribute("kernel_shape", ()))) * prod(site.output())


def _resize(site: Site) -> int:
    mode = site.attribute("mode", b"nearest")
    if mode == b"nearest":
        return 0
    before, after = site.input(0), site.output()
    corners = {b"linear": 2, b"cubic": 4}.get(mode)
    if corners is None:
        raise UnknownFlops(f"no rule for Resize of mode {mode!r}")
    axes = sum(b != a for b, a in zip(before, after, strict=True))
    return int(2 * corners**axes) * prod(after)


def _recurrent(gates: int) -> Rule:
    """Return a rule: products of all gates, for X [seq, batch, in], W [directions, gates·hidden, in]."""

    def rule(site: Site) -> int:
        x, w, r = site.input(0), site.input(1), site.input(2)
        hidden = r[2]
        return 2 * w[0] * x[0] * x[1] * gates * hidden * (w[2] + hidden)

    return rule


def _einsum(site: Site) -> int:
    equation = site.attribute("equation", b"").decode().replace(" ", "")
    if "." in equation:
        raise UnknownFlops("no rule for Einsum with an ellipsis")
    sizes: dict[str, int] = {}
    terms = equation.partition("->")[0].split(",")
    for position, term in enumerate(terms):
        sizes.update(zip(term, site.input(position), strict=True))
    return len(terms) * prod(sizes.values())


def _attention(site: Site) -> int:
    """Count Q·K, the softmax and the product with V, for an Attention of ai.onnx without a past."""
    if site.has(4) or site.has(5) or canonical(site.node.domain):
        raise UnknownFlops("no rule for Attention with a past or outside of ai.onnx")
    q, k, v = site.input(0), site.input(1), site.input(2)
    if len(q) == 4:
        batch, heads, rows, width = q
        columns, value_width = k[2], v[3]
    else:
        heads = int(site.attribute("q_num_heads", 0))
        batch, rows, width = q[0], q[1], q[2] // heads
        columns, value_width = k[1], v[2] // int(site.attribute("kv_num_heads", 0))
    return batch * heads * rows * columns * (2 * width + 2 * value_width + 5)


def _named(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


RULES: Mapping[str, Rule] = {
    **_named(
        _nothing,
        "AffineGrid Bernoulli BitCast Cast CastLike CenterCropPad Col2Im Compress Concat ConcatFromSequence "
        "Constant ConstantOfShape DepthToSpace Dropout Expand EyeLike Flatten Gather GatherElements GatherND "
        "Identity If Loop Multinomial NonZero OneHot Optional OptionalGetElement OptionalHasElement Pad "
        "RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reshape ReverseSequence Scan "
        "Scatter ScatterElements ScatterND SequenceAt SequenceConstruct SequenceEmpty SequenceErase "
        "SequenceInsert SequenceLength SequenceMap Shape Size Slice SpaceToDepth Split SplitToSequence "
        "Squeeze TensorScatter Tile Transpose Trilu Unsqueeze",
    ),
    **_named(
        _per_output(1),
        "Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor "
        "Ceil Celu Clip Cos Cosh Div Elu Equal Erf Exp FastGelu Floor Gelu Greater GreaterOrEqual "
        "HardSigmoid HardSwish IsInf IsNaN LeakyRelu Less LessOrEqual Log Mish Mod Mul Neg Not Or PRelu Pow "
        "QuickGelu Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Swish "
        "Tan Tanh ThresholdedRelu Where Xor",
    ),
    **_named(_variadic, "Max Mean Min Sum"),
    **_named(
        _per_input(1),
        "ArgMax ArgMin CumProd CumSum GlobalAveragePool GlobalMaxPool Hardmax ReduceMax ReduceMean ReduceMin "
        "ReduceProd ReduceSum TopK",
    ),
    **_named(
        _per_input(2),
        "BatchNormalization BiasGelu DequantizeLinear GlobalLpPool QuantizeLinear ReduceL1 ReduceL2 "
        "ReduceLogSum ReduceLogSumExp ReduceSumSquare",
    ),
    **_named(
        _per_input(3), "DynamicQuantizeLinear LpNormalization MeanVarianceNormalization RotaryEmbedding"
    ),
    **_named(_per_input(4), "RMSNormalization SimplifiedLayerNormalization"),
    **_named(_per_input(5), "LogSoftmax Softmax SkipSimplifiedLayerNormalization"),
    **_named(_per_input(7), "GroupNormalization InstanceNormalization LayerNormalization"),
    **_named(_per_input(8), "LRN SkipLayerNormalization"),
    **_named(_pool, "AveragePool LpPool MaxPool"),
    **_named(_resize, "Resize Upsample"),
    **_named(_matmul(0, 1), "FusedMatMul MatMul MatMulInteger MatMulIntegerToFloat DynamicQuantizeMatMul"),
    **_named(_matmul(0, 3), "QLinearMatMul"),
    **_named(_gemm, "FusedGemm Gemm"),
    **_named(_matmul_of_attributes, "MatMulBnb4 MatMulNBits"),
    **_named(_conv(1, 2), "Conv FusedConv"),
    **_named(_conv(1, None), "ConvInteger"),
    **_named(_conv(3, 8), "QLinearConv"),
    **_named(_conv_transpose, "ConvTranspose"),
    **_named(_recurrent(4), "LSTM"),
    **_named(_recurrent(3), "GRU"),
    **_named(_recurrent(1), "RNN"),
    **_named(_einsum, "Einsum"),
    **_named(_attention, "Attention"),
}
"""Operator -> its counting rule.

TopK, ArgMax and ArgMin count one operation per input element: each element is compared at least once.
"""
