from __future__ import annotations

import pytest

import rewriter
from rewriter.evidence.certainty import Certainty
from rewriter.modules.module_tree import ModuleTree
from tests.build import model

TEXT = """g (float[1,2,3,3] x) => (float[1,2,3,3] y) <float[2,2,1,1] w = {1,2,3,4}> {
  ["NODE"] "VALUE" = Conv(x, w)
  ["/a/act/Relu"] y = Relu("VALUE")
}"""
NORM = "/a/bn/BatchNormalization_output_0"


def tree_of(node: str, value: str) -> ModuleTree:
    """The tree of a convolution with these names, and a Relu."""
    return rewriter.tree(model(TEXT.replace("NODE", node).replace("VALUE", value)))


@pytest.mark.parametrize("node", ["/a/conv/Conv", "/a/conv/Conv_output_0"], ids=["onnxsim", "onnxslim"])
def test_a_convolution_with_a_folded_norm_keeps_its_own_module(node: str) -> None:
    tree = tree_of(node, NORM)
    assert [place.module for place in tree.placements if place] == ["a.conv", "a.act"]
    assert tree["a.bn"].folded_into == ("a.conv",)
    assert [child.name for child in tree["a"].children] == ["conv", "bn", "act"]


def test_a_node_with_the_name_of_the_value_it_writes_is_no_fold() -> None:
    tree = tree_of("/a/conv/Conv_output_0", "/a/conv/Conv_output_0")
    assert not any(module.folded_into for module in tree)
    assert "a.bn" not in tree


def test_the_output_counts_if_the_name_of_the_node_shows_no_module() -> None:
    tree = tree_of("MatMulBnFusion_Gemm", NORM)
    assert tree.placements[0]
    assert (tree.placements[0].module, tree["a.bn"].folded_into) == ("a.bn", ())


HIDDEN = """g (float[1,2,3,3] x) => (float[1,2,3,3] y)
<float[2,2,1,1] "CONTAINERconv.weight" = {1,2,3,4}>
{ ["/conv/Conv"] u = Conv(x, "CONTAINERconv.weight") ["/norm/Relu"] y = Relu(u) }"""


@pytest.mark.parametrize(("container", "certainty"), [("", Certainty.NAMED), ("encoder.", Certainty.GUESSED)])
def test_a_scope_beside_one_that_lacks_containers_may_lack_them_too(
    container: str, certainty: Certainty
) -> None:
    conv, norm = rewriter.tree(model(HIDDEN.replace("CONTAINER", container))).placements
    assert conv is not None
    assert norm is not None
    assert (conv.module, conv.certainty) == (f"{container}conv", Certainty.NAMED)
    assert (norm.module, norm.certainty) == ("norm", certainty)
