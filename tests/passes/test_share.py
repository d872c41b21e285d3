"""One function for calls with equal bodies, and what `flatten` makes of it."""

from __future__ import annotations

import onnx
import pytest
from onnx import ModelProto

import rewriter
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.flatten import Flatten
from rewriter.passes.group import Group
from rewriter.passes.share import Share
from tests.build import model


def after(source: onnx.ModelProto, *passes: Pass) -> onnx.ModelProto:
    """The model rewritten without a file; raises unless the certificate holds."""
    return rewriter.rewrite(source, passes=passes, numbers=False).analysis.model


def test_a_call_in_the_words_of_the_function_is_entered_like_any_other() -> None:
    """`input` and `output` are what graphs and shared functions alike call their values."""
    proto = model(
        """g (float[2] input) => (float[2] output, float[2] other)
        {
          ["/l.0/Relu"] "/l.0/v" = Relu(input)
          ["/l.0/Neg"] output = Neg("/l.0/v")
          ["/l.1/Relu"] a = Relu(output)
          ["/l.1/Neg"] b = Neg(a)
          ["/Abs"] v = Abs(b)
          ["/Neg"] other = Neg(v)
        }"""
    )
    shared = after(proto, Annotate(), Group(), Share())
    assert list(shared.graph.node[0].output) == list(shared.functions[0].output) == ["output"]
    flat = after(shared, Flatten())
    assert [node.op_type for node in flat.graph.node] == [node.op_type for node in proto.graph.node]


def test_sparse_tensors_of_bodies_are_renamed_with_what_reads_them() -> None:
    proto = model(
        """g (float[2] x, bool c) => (float[2] y)
        {
          ["/l.0/If"] p = If(c) <
            then_branch = t () => (float[2] t1) { t1 = mine.Op(x, s) },
            else_branch = e () => (float[2] e1) { e1 = Neg(x) }>
          ["/l.1/If"] y = If(c) <
            then_branch = t () => (float[2] t2) { t2 = mine.Op(p, s) },
            else_branch = e () => (float[2] e2) { e2 = Neg(p) }>
        }"""
    )
    proto.opset_import.add(domain="mine", version=1)
    sparse = onnx.SparseTensorProto(dims=[2])
    sparse.values.CopyFrom(onnx.helper.make_tensor("s", onnx.TensorProto.FLOAT, [1], [0.5]))
    sparse.indices.CopyFrom(onnx.helper.make_tensor("", onnx.TensorProto.INT64, [1], [1]))
    for node in proto.graph.node:
        node.attribute[0].g.sparse_initializer.append(sparse)
    shared = after(proto, Annotate(), Group(), Share())
    assert len(shared.functions) == 1
    branches = [node.attribute[0].g for node in after(shared, Flatten()).graph.node]
    assert all(branch.node[0].input[1] == branch.sparse_initializer[0].values.name for branch in branches)


def test_bodies_that_draw_in_another_order_are_not_shared() -> None:
    """Both take one of two equal draws from the other: the first from the second, and the other way round."""
    proto = model(
        """g (float[2] x) => (float[2] y, float[2] z)
        {
          ["/l.0/RandomNormalLike"] a = RandomNormalLike(x)
          ["/l.0/RandomNormalLike_1"] b = RandomNormalLike(x)
          ["/l.0/Sub"] y = Sub(a, b)
          ["/l.1/RandomNormalLike"] c = RandomNormalLike(x)
          ["/l.1/RandomNormalLike_1"] d = RandomNormalLike(x)
          ["/l.1/Sub"] z = Sub(d, c)
        }"""
    )
    assert len(after(proto, Annotate(), Group(), Share()).functions) == 2
    proto.graph.node[-1].input[:] = ["c", "d"]
    assert len(after(proto, Annotate(), Group(), Share()).functions) == 1


def test_a_shared_function_tells_its_calls() -> None:
    proto = model(
        """g (float[2] x) => (float[2] y)
        {
          ["/l.0/Relu"] a = Relu(x)
          ["/l.0/Neg"] b = Neg(a)
          ["/l.1/Relu"] c = Relu(b)
          ["/l.1/Neg"] d = Neg(c)
          ["/l.1_1/Relu"] e = Relu(d)
          ["/l.1_1/Neg"] y = Neg(e)
        }"""
    )
    (function,) = after(proto, Annotate(), Group(), Share()).functions
    assert function.doc_string == "3 calls: l.0, l.1 (2 times)"


UNREAD = """g (float[2] x) => (float[2] z)
{
  ["/l/Neg"] a = Neg (x)  ["/Relu"] b = Relu (a)  ["/l/Abs"] c = Abs (b)
  ["/l_1/Neg"] d = Neg (b)  ["/Relu_1"] e = Relu (d)  ["/l_1/Abs"] f = Abs (e)
  ["/Tanh"] z = Tanh (e)
}"""
"""Nobody reads the Abs of either call, so it is a segment without outputs."""


UNREAD_IN_ONE_CALL = """g (float[2] x) => (float[2] z)
{
  ["/l/Neg"] a = Neg (x)  ["/l/m/Abs"] c = Abs (a)
  ["/Relu"] z = Relu (a)  ["/l/m/Abs_1"] f = Abs (z)
}"""
"""The call of `l` is cut, and so is the one call of `l.m` in it."""


@pytest.mark.parametrize("text", [UNREAD, UNREAD_IN_ONE_CALL])
def test_calls_that_write_nothing_keep_their_names(text: str) -> None:
    flat = ModelProto()
    flat.CopyFrom(rewriter.rewrite(model(text), passes=(Annotate(),), numbers=False).analysis.model)
    made = rewriter.rewrite(flat, passes=(Group(), Share()), numbers=False).analysis.model
    assert any(not function.output for function in made.functions)
    assert rewriter.rewrite(made, passes=(Flatten(),), numbers=False).analysis.model == flat
