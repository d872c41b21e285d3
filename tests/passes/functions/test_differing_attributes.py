"""Attribute values that differ become attributes of functions."""

from __future__ import annotations

from onnx import ModelProto

import rewriter
from rewriter.passes.annotate import Annotate
from rewriter.passes.functions.differing_attributes import lift_attributes
from rewriter.passes.group import Group
from tests.build import model


def lifted(source: str | ModelProto) -> ModelProto:
    """A model with one function per call, after the lift."""
    proto = model(source) if isinstance(source, str) else source
    made = rewriter.rewrite(proto, passes=(Annotate(), Group()), numbers=False).analysis.model
    calls = {(node.domain, node.op_type): node for node in made.graph.node}
    lift_attributes(made.functions, (), calls)
    return made


def two(first: str, second: str) -> str:
    """Modules `l.0` and `l.1` of two nodes each, `{v}` being the number of the module."""
    steps = [
        f'["/l.{n}/A"] a{n} = {first.format(v=n)} ({value}) ["/l.{n}/B"] b{n} = {second.format(v=n)} (a{n})'
        for n, value in enumerate(("x", "b0"))
    ]
    return f"g (float[2, 3] x) => (float[2, 3] b1) {{ {' '.join(steps)} }}"


def test_attributes_that_differ_alike_share_a_name() -> None:
    made = lifted(two("LeakyRelu <alpha = 0.{v}>", "LeakyRelu <alpha = 0.{v}>"))
    assert [[*function.attribute] for function in made.functions] == [["alpha"], ["alpha"]]
    refs = [node.attribute[0].ref_attr_name for node in made.functions[0].node]
    assert refs == ["alpha", "alpha"]
    before = model(two("LeakyRelu <alpha = 0.{v}>", "LeakyRelu <alpha = 0.{v}>"))
    assert rewriter.verify(before, made, numbers=False).certificate.equal
    values = [node.attribute[0].f for node in made.graph.node]
    assert (values[0], round(values[1], 6)) == (0.0, 0.1)


def test_others_get_a_number() -> None:
    made = lifted(two("LeakyRelu <alpha = 0.{v}>", "LeakyRelu <alpha = {v}.5>"))
    assert [*made.functions[0].attribute] == ["alpha", "alpha_1"]
    assert [each.name for each in made.graph.node[1].attribute] == ["alpha", "alpha_1"]


def test_names_of_tensors_and_doc_strings_are_no_values() -> None:
    proto = model(two("Constant <value = float[2, 3] {{1, 2, 3, 4, 5, 6}}>", "Neg"))
    for number, node in enumerate(proto.graph.node):
        if node.op_type == "Constant":
            del node.input[:]
            node.attribute[0].t.name, node.attribute[0].doc_string = f"t{number}", f"{number}"
    made = lifted(proto)
    assert len(made.functions) == 2
    assert not any(function.attribute for function in made.functions)


def test_equal_values_and_other_bodies_stay() -> None:
    for text in (
        two("LeakyRelu <alpha = 0.1>", "Elu"),
        two("Softmax <axis = {v}>", "Relu").replace("Relu", "Abs", 1),
    ):
        made = lifted(text)
        assert not any(function.attribute for function in made.functions)
        assert not any(node.attribute for node in made.graph.node)
