"""A reference tells the shapes of parameters: a tensor without a name may have the shape of only one."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
import pytest

from rewriter.evidence.metadata import dynamo
from rewriter.evidence.reference.declared_shapes import BY_SHAPE
from rewriter.evidence.reference.module_list import Declared, Reference, ReferenceModule
from rewriter.evidence.side_inputs import Given
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from rewriter.paths import ModulePath
from tests.build import model


def given(**declared: Mapping[str, tuple[int, ...] | None]) -> Given:
    """Return a reference: `a__b` is module `a.b`."""
    modules = {ModulePath(""): ReferenceModule(ModulePath(""), "Net")}
    for name, shapes in declared.items():
        path = ModulePath(name.replace("__", "."))
        held = tuple(Declared(local, shape, trainable=True) for local, shape in shapes.items())
        modules[path] = ReferenceModule(path, "Layer", held)
    return Given(references=(Reference("net", modules),))


def named(proto: onnx.ModelProto, reference: Given) -> dict[str, tuple[str, bool]]:
    """Return initializer -> its parameter and whether it is transposed, for claims by shape."""
    found = analyse(GraphIndex(proto), None, reference).parameters
    return {claim.initializer: (claim.name, claim.transposed) for claim in found if claim.detail == BY_SHAPE}


MIXED = """g (float[2,3] x) => (float[2,4] y)
<float[3,4] "onnx::MatMul_5" = {0}, float[4] "onnx::Mul_6" = {0}> {
  ["/mix/MatMul"] a = MatMul(x, "onnx::MatMul_5")
  ["/mix/Mul"] b = Mul(a, "onnx::Mul_6")
  ["/mix/Relu"] y = Relu(b)
}"""
"""A module of its own class: its operators show no names."""


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ({"kernel": (4, 3)}, {"onnx::MatMul_5": ("mix.kernel", True)}),
        ({"kernel": (4, 3), "other": (5,)}, {"onnx::MatMul_5": ("mix.kernel", True)}),
        ({"kernel": (3, 4)}, {}),  # an exporter keeps the name of what it does not change
        ({"kernel": (4, 3), "other": (3, 4)}, {}),
        ({"kernel": (4, 3, 1)}, {}),  # the layout of a matrix of three axes is unknown
        ({"gain": (4,)}, {}),
        ({"gain": (4, 1, 1)}, {"onnx::Mul_6": ("mix.gain", False)}),
        ({"kernel": (4, 5)}, {}),
        ({"kernel": (4, 3), "other": None}, {}),  # a lazy parameter may have any shape
    ],
)
def test_one_parameter_and_one_tensor_of_a_shape(
    declared: Mapping[str, tuple[int, ...] | None], found: dict[str, tuple[str, bool]]
) -> None:
    assert named(model(MIXED), given(mix=declared)) == found


def test_without_a_reference_there_is_no_name() -> None:
    assert named(model(MIXED), Given()) == {}


def test_two_tensors_of_a_shape_are_in_doubt() -> None:
    text = MIXED.replace("y = Relu(b)", 'c = Relu(b) ["/mix/MatMul_1"] y = MatMul(c, "onnx::MatMul_7")')
    text = text.replace("<float[3,4]", '<float[4,3] "onnx::MatMul_7" = {0}, float[3,4]')
    assert named(model(text), given(mix={"kernel": (4, 3)})) == {}


def test_a_tensor_of_two_modules_is_in_doubt() -> None:
    text = MIXED.replace("y = Relu(b)", 'y = Relu(b) ["/more/MatMul"] z = MatMul(x, "onnx::MatMul_5")')
    assert named(model(text), given(mix={"kernel": (4, 3)}, more={"bias": (4,)})) == {}


def test_a_layer_that_is_never_called_leaves_its_parameters_to_the_caller() -> None:
    reference = given(mix={}, mix__holder={"weight": (4, 3)}, mix__called={"weight": (3, 9)})
    assert named(model(MIXED), reference) == {"onnx::MatMul_5": ("mix.holder.weight", True)}


SQUARE = """g (float[2,2] x) => (float[2,2] y) <float[2,2] W5 = {0}> {
  ["/mix/Op"] a = MatMul(x, W5) ["/mix/Relu"] y = Relu(a)
}"""


@pytest.mark.parametrize(
    ("operation", "transposed"),
    [
        ("MatMul(x, W5)", True),
        ("Gemm<transB = 1>(x, W5)", False),
        ("Gemm(x, W5)", True),
        ("MatMul(W5, x)", None),
        ("Mul(x, W5)", None),
    ],
)
def test_the_reader_shows_the_layout_of_a_square(operation: str, transposed: bool | None) -> None:
    proto = model(SQUARE.replace("MatMul(x, W5)", operation))
    expected = {} if transposed is None else {"W5": ("mix.kernel", transposed)}
    assert named(proto, given(mix={"kernel": (2, 2)})) == expected


def test_operands_tell_equal_shapes_of_a_norm_apart() -> None:
    proto = model("""g (float[2,4] x) => (float[2,4] y) <float[4] W1 = {0}, float[4] W2 = {0}> {
      ["/norm/LayerNormalization"] y = LayerNormalization(x, W1, W2)
    }""")
    both = given(norm={"weight": (4,), "bias": (4,)})
    assert named(proto, both) == {"W1": ("norm.weight", False), "W2": ("norm.bias", False)}
    assert named(proto, given(norm={"gamma": (4,), "beta": (4,)})) == {}


@pytest.mark.parametrize(
    ("origins", "found"),
    [
        (["mix.kernel"], {"onnx::MatMul_5": ("mix.kernel", True)}),
        (["mix.kernel", "mix.scale"], {}),
        (["val_1"], {}),
    ],
)
def test_the_record_of_the_exporter_has_to_agree(
    origins: list[str], found: dict[str, tuple[str, bool]]
) -> None:
    proto = model(MIXED)
    lines = "p0: PARAMETER target='mix.kernel'\np1: PARAMETER target='mix.scale'\n"
    proto.graph.metadata_props.add(key=dynamo.GRAPH_SIGNATURE, value=lines)
    info = proto.graph.value_info.add(name="onnx::MatMul_5")
    info.metadata_props.add(key=dynamo.FOLDED_FROM, value=str(origins))
    assert named(proto, given(mix={"kernel": (4, 3), "scale": (9,)})) == found


def test_a_class_that_declares_no_weight_has_none() -> None:
    text = """g (float[2,3] x) => (float[2,4] y) <float[3,4] "onnx::MatMul_5" = {0}> {
      ["/own/MatMul"] y = MatMul(x, "onnx::MatMul_5")
    }"""
    for declared, name in (("weight", "own.weight"), ("kernel", "own.kernel")):
        found = analyse(GraphIndex(model(text)), None, given(own={declared: (4, 3)})).parameters
        assert [(claim.name, claim.transposed) for claim in found] == [(name, True)]
