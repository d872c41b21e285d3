from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rewriter import pipeline
from rewriter.evidence.names.scope_grammar import (
    NameScope,
    owner_of_parameter,
    scope_of_node_name,
    scope_of_value_name,
    scoped_prefix,
    without_counter,
)
from rewriter.paths import ModulePath
from tests.build import chain


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("", None),
        ("Relu_3", None),
        ("node_linear", None),
        ("encoder.layer.0.weight", None),
        ("/Add", NameScope("", True)),
        ("/encoder/layer.0/self/MatMul_1", NameScope("encoder/layer.0/self", True)),
        ("Class::__module.encoder.layer.0/Op", NameScope("encoder.layer.0", False, "Class")),
        ("pkg.A::__module/pkg.B::__module.b/Op", NameScope("b", False, "pkg.B")),
        ("__module.encoder.layer.0/aten::add", NameScope("encoder.layer.0", False)),
        ("A::/B::encoder/C::layer.0/Op", NameScope("encoder/layer.0", True, "C")),
        ("model/dense/MatMul", NameScope("model.dense", False)),
        ("model/dense_1/MatMul", NameScope("model.dense_1", False)),
        ("net/batchnorm/batchnorm/mul", NameScope("net.batchnorm", False)),
        ("net/batchnorm_1/batchnorm/mul", NameScope("net.batchnorm_1", False)),
        ("net/bn/batchnorm/mul", NameScope("net.bn", False)),
        ("net/act/Relu;net/bn/batchnorm/add_1;net/fc/BiasAdd;net/fc/MatMul1", NameScope("net.fc", False)),
        ("net/a/q/add;net/a/k/mul", NameScope("net.a", False)),
        ("net/rnn/while/cell/MatMul_1", NameScope("net.rnn.cell", False)),
        ("net_rnn_while_cond_frozen_12_net/rnn/while/Less", NameScope("net.rnn", False)),
        ("net/rnn/while_body_net/rnn/while/add", NameScope("net.rnn", False)),
        ("cond___net/rnn/while/Less__7", NameScope("net.rnn", False)),
        ("A::__module.do_while_body_a/Add", NameScope("do_while_body_a", False, "A")),
        ("/while/cond___x/Add", NameScope("while/cond___x", True)),
    ],
)
def test_scope_of_node_name(name: str, scope: NameScope | None) -> None:
    assert scope_of_node_name(name) == scope


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("/encoder/layer.0/MatMul_1_output_0", NameScope("encoder/layer.0", True)),
        ("/Add_output_0", NameScope("", True)),
        ("/encoder/layer.0/MatMul_1", None),
        ("encoder/layer.0/MatMul_output_0", None),
        ("onnx::Add_5", None),
        ("", None),
    ],
)
def test_scope_of_value_name(name: str, scope: NameScope | None) -> None:
    assert scope_of_value_name(name) == scope


@pytest.mark.parametrize(
    ("scope", "parts"),
    [
        ("a/b_1", ("a/b", 1)),
        ("b.0_12", ("b.0", 12)),
        ("b_x", None),
        ("b", None),
        ("_1", None),
        ("a_1/b", None),
    ],
)
def test_without_counter(scope: str, parts: tuple[str, int] | None) -> None:
    assert without_counter(scope) == parts


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("encoder.layer.0.query.weight", "encoder.layer.0.query"),
        ("a/b.weight", "a/b"),
        ("weight", None),
        ("", None),
        (".weight", None),
        ("fc.", None),
        ("a..b", None),
        ("onnx::MatMul_353", None),
        ("onnx::Conv.3", None),
        ("/m/Constant_3_output.0", None),
        ("arith.constant2", None),
        ("tfl.pseudo_qconst_scale", None),
        ("arith.weight", "arith"),
    ],
)
def test_owner_of_parameter(name: str, owner: str | None) -> None:
    assert owner_of_parameter(name) == owner


@pytest.mark.parametrize(
    ("path", "prefix"),
    [("", ""), ("encoder.layer.0", "/encoder/layer.0"), ("0.1", "/0.1"), ("a.0.1.b.c", "/a.0.1/b/c")],
)
def test_scoped_prefix(path: str, prefix: str) -> None:
    assert scoped_prefix(ModulePath(path)) == prefix


atoms = st.text(alphabet="ab01é: ", min_size=1, max_size=3)


@given(st.lists(atoms, max_size=6))
@example(["0", "1", "a", "0"])
def test_a_prefix_read_back_is_the_path(names: list[str]) -> None:
    path = ModulePath(".".join(names))
    scope = scope_of_node_name(f"{scoped_prefix(path)}/Relu")
    assert scope is not None
    assert scope.chain
    assert scope.text.replace("/", ".") == path


@given(st.lists(st.sampled_from(["a", "b", "c", "0", "12", "x1"]), max_size=6))
def test_a_node_named_by_its_prefix_is_placed_there(names: list[str]) -> None:
    """Paths with a repeated name are left out: torch writes `a/a.0` both for `a.0` and for `a.a.0`."""
    words = [name for name in names if not name.isdecimal()]
    if len({*words}) < len(words):
        return
    path = ModulePath(".".join(names))
    (place,) = pipeline.load(chain(f"{scoped_prefix(path)}/Relu")).tree.placements
    assert place is not None
    assert place.module == path
