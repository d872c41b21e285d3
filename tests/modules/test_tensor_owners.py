"""Every tensor of a file is held by some module, and counts as what it is."""

from __future__ import annotations

from math import prod
from pathlib import Path

import onnx

from rewriter.evidence.roles import Role
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from rewriter.modules.module_tree import ModuleTree
from rewriter.modules.totals import totals
from rewriter.paths import ROOT, ModulePath
from tests.build import model
from tests.exports import file_in_turn


def tree_of(text: str) -> ModuleTree:
    return analyse(GraphIndex(model(text))).tree


def held(tree: ModuleTree, role: Role = Role.PARAMETER) -> dict[str, int]:
    """Module -> elements of its own tensors of one role, of those that have any."""
    return {path: own for path, (own, _) in totals(tree.modules, role).items() if own}


def elements_of(proto: onnx.ModelProto) -> int:
    """All tensors of a file without functions."""
    count, pending = 0, [proto.graph]
    while pending:
        graph = pending.pop()
        count += sum(prod(tensor.dims) for tensor in graph.initializer)
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    pending.append(attribute.g)
                elif node.op_type == "Constant":
                    several = len(attribute.floats) + len(attribute.ints) + len(attribute.strings)
                    count += several if attribute.name.endswith("s") else prod(attribute.t.dims)
    return count


@file_in_turn
def test_parameters_buffers_and_constants_are_all_that_a_file_holds(path: Path) -> None:
    proto = onnx.load(path, load_external_data=False)
    tree = analyse(GraphIndex(proto)).tree
    assert sum(totals(tree.modules, role)[ROOT][1] for role in Role) == elements_of(proto)


def test_a_folded_weight_belongs_to_the_module_that_reads_it() -> None:
    tree = tree_of("""g (float[1,3,8,8] x) => (float[1,4,6,6] y)
    <float[4,3,3,3] "onnx::Conv_12" = {0}, float[4] "onnx::Conv_13" = {0}> {
      ["/stem/conv/Conv"] a = Conv(x, "onnx::Conv_12", "onnx::Conv_13")
      ["/stem/act/Relu"] y = Relu(a)
    }""")
    assert held(tree) == {"stem.conv": 112}


def test_a_weight_of_several_readers_belongs_to_what_holds_them_all() -> None:
    tree = tree_of("""g (float[2,4] x) => (float[2,4] y)
    <float[4,4] shared = {0}> {
      ["/enc/a/MatMul"] a = MatMul(x, shared)
      ["/enc/b/MatMul"] y = MatMul(a, shared)
    }""")
    assert held(tree) == {"enc": 16}


def test_a_weight_that_a_node_of_no_module_reads_belongs_to_none() -> None:
    """The layers before the first that is named may be anybody's."""
    tree = tree_of(
        """g (float[1,4] x) => (float[1,4] y)
        <float[4,2] w0 = {1,2,3,4,5,6,7,8}, float[2,4] "head.weight" = {1,2,3,4,5,6,7,8}>
        {
          a = MatMul(x, w0)
          b = Relu(a)
          y = MatMul(b, "head.weight")
        }"""
    )
    assert held(tree) == {"": 8, "head": 8}


def test_a_weight_that_is_turned_first_belongs_to_what_reads_it_then() -> None:
    tree = tree_of(
        """g (float[1,4] x) => (float[1,4] y)
        <float[4,4] w0 = {1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7}, float[4] "head.bias" = {1,2,3,4}>
        {
          t = Transpose(w0)
          ["/head/MatMul"] a = MatMul(x, t)
          ["/head/Add"] y = Add(a, "head.bias")
        }"""
    )
    assert held(tree) == {"head": 20}


def test_a_quantised_weight_counts_once_as_what_it_stands_for() -> None:
    tree = tree_of("""g (float[2,64] x) => (float[2,8] y)
    <uint8[8,2,16] "onnx::MatMul_5_Q4" = {0}, float[8,2] "onnx::MatMul_5_scales" = {0},
     uint8[8,1] "onnx::MatMul_5_zero_points" = {0}> {
      ["/fc/MatMul_Q4"] y = com.microsoft.MatMulNBits<K=64, N=8, bits=4, block_size=32>
        (x, "onnx::MatMul_5_Q4", "onnx::MatMul_5_scales", "onnx::MatMul_5_zero_points")
    }""")
    assert held(tree) == {"fc": 512}
    assert sum(tensor.size for module in tree for tensor in module.tensors) == 256 + 64 + 8


def test_a_weight_behind_a_dequantizer_and_its_scale_are_one() -> None:
    tree = tree_of("""g (float[2,4] x) => (float[2,8] y)
    <int8[8,4] "onnx::MatMul_5_quantized" = {0}, float[8] "onnx::MatMul_5_scale" = {0},
     int8[8] "onnx::MatMul_5_zero_point" = {0}> {
      w = DequantizeLinear<axis=0>
        ("onnx::MatMul_5_quantized", "onnx::MatMul_5_scale", "onnx::MatMul_5_zero_point")
      t = Transpose<perm=[1,0]>(w)
      ["/fc/MatMul"] y = MatMul(x, t)
    }""")
    assert held(tree) == {"fc": 32}
    assert held(tree, Role.CONSTANT) == {}


def test_running_statistics_and_counters_are_buffers() -> None:
    tree = tree_of("""g (float[1,4,2,2] x) => (float[1,4,2,2] y, int64 n)
    <float[4] "bn.weight" = {0}, float[4] "bn.bias" = {0}, float[4] "bn.running_mean" = {0},
     float[4] "bn.running_var" = {0}, int64 "bn.num_batches_tracked" = {0}> {
      y = BatchNormalization(x, "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
      n = Identity("bn.num_batches_tracked")
    }""")
    assert (held(tree), held(tree, Role.BUFFER)) == ({"bn": 8}, {"bn": 9})
    assert tree["bn"].shown_class == "BatchNorm?"


def test_shapes_scalars_and_masks_are_constants() -> None:
    tree = tree_of("""g (float[2,4] x) => (float[1,8] y)
    <int64[2] shape = {1,8}, float half = {0.5}, float[2,4] mask = {0}, float[4] bias = {0}> {
      ["/net/Add"] a = Add(x, mask)
      ["/net/Mul"] b = Mul(a, half)
      ["/net/Add_1"] c = Add(b, bias)
      ["/net/Reshape"] y = Reshape(c, shape)
    }""")
    assert (held(tree), held(tree, Role.CONSTANT)) == ({"net": 4}, {"net": 11})


def test_a_name_means_the_tensor_of_the_main_graph_first() -> None:
    """A branch has a tensor of the same name, which is no parameter."""
    tree = tree_of("""g (bool c, float[2,2] x) => (float[2,2] y, float[2,2] z)
    <float[2,2] "fc.weight" = {1,2,3,4}> {
      ["/fc/MatMul"] y = MatMul(x, "fc.weight")
      ["/pick/If"] z = If(c) <
        then_branch = t () => (float[2,2] t1) <float[3] "fc.weight" = {1,2,3}> { t1 = Add(x, x) },
        else_branch = e () => (float[2,2] e1) { e1 = Neg(x) }>
    }""")
    (held,) = [each for each in tree[ModulePath("fc")].tensors if each.name == "fc.weight"]
    assert held.shape == (2, 2)


def test_prepared_constants_are_followed_once() -> None:
    """A chain of diamonds has 2^15 paths from the tensor to its reader."""
    steps = ["b0 = Neg(w)"]
    steps += [f"c{n} = Abs(b{n}) d{n} = Sin(b{n}) b{n + 1} = Add(c{n}, d{n})" for n in range(15)]
    nodes = " ".join([*steps, '["/a/Mul"] y = Mul(x, b15)'])
    text = f"g (float[2] x) => (float[2] y) <float[2] w = {{1, 2}}> {{ {nodes} }}"
    assert [tensor.name for tensor in tree_of(text)["a"].tensors] == ["w"]
