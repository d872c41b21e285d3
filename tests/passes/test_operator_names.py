"""No function bears the name of an operator; classes and trees keep the real names."""

from __future__ import annotations

import onnx
import pytest

import rewriter
from rewriter.basics.literals import FunctionsWord
from rewriter.model.operator_set.operator_names import names
from rewriter.passes.flatten import Flatten
from rewriter.passes.group import Group
from tests.build import model


def named(*modules: str) -> onnx.ModelProto:
    """One Abs for every module, in a chain."""
    steps = [
        f'["/{module.replace(".", "/")}/Abs"] v{n} = Abs(v{n - 1})'
        for n, module in enumerate(modules, start=1)
    ]
    last = len(modules)
    return model(f"g (float[2] v0) => (float[2] v{last}) {{ {' '.join(steps)} }}")


def of_class(*classes: str) -> onnx.ModelProto:
    """One Abs for every class, in modules a0, a1, ..."""
    proto = named(*(f"a{n}" for n in range(len(classes))))
    for number, (node, class_name) in enumerate(zip(proto.graph.node, classes, strict=True)):
        node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=str(["", f"a{number}", "op"]))
        node.metadata_props.add(
            key="pkg.torch.onnx.class_hierarchy", value=str(["pkg.Model", class_name, "aten.abs"])
        )
    return proto


def functions(source: onnx.ModelProto, mode: FunctionsWord, class_name: str = "") -> list[tuple[str, str]]:
    made = rewriter.rewrite(source, functions=mode, numbers=False, class_name=class_name).analysis.model
    assert not {function.name for function in made.functions} & names()
    assert not {node.op_type for node in made.graph.node if node.domain} & names()
    return [(function.domain, function.name) for function in made.functions]


MODES = pytest.mark.parametrize("mode", ["call", "shared"])


@MODES
@pytest.mark.parametrize("name", ["Sub", "Gather", "Constant", "Softmax", "Gelu", "ReorderInput"])
def test_a_module_called_like_an_operator_gets_a_suffix(name: str, mode: FunctionsWord) -> None:
    ((_, made),) = functions(named(name), mode)
    assert made == f"{name}Module"


@MODES
@pytest.mark.parametrize("name", ["sub", "Subtract", "Linear", "SubModule"])
def test_other_names_stay(name: str, mode: FunctionsWord) -> None:
    ((_, made),) = functions(named(name), mode)
    assert made == name


@MODES
def test_a_name_that_a_suffix_makes_may_be_taken(mode: FunctionsWord) -> None:
    made = functions(named("Sub", "SubModule", "m.Sub"), mode)
    assert len(set(made)) == len(made)


@MODES
def test_classes_keep_their_names_in_the_tree(mode: FunctionsWord) -> None:
    source = of_class("torch.nn.Softmax", "pkg.Attention", "pkg.Attention")
    report = rewriter.rewrite(source, functions=mode, numbers=False)
    assert {f.name for f in report.analysis.model.functions} == {"SoftmaxModule", "AttentionModule"}
    found = rewriter.tree(report.analysis.model)
    assert [module.short_class for module in found][1:] == ["Softmax", "Attention", "Attention"]
    assert functions(source, mode, class_name="Softmax") and functions(
        source, mode, class_name="torch.nn.Softmax"
    )


@MODES
def test_flatten_and_a_second_run_see_their_own_functions(mode: FunctionsWord) -> None:
    source = of_class("torch.nn.Softmax", "torch.nn.Tanh")
    once = rewriter.rewrite(source, functions=mode, numbers=False).analysis.model
    twice = rewriter.rewrite(
        once, passes="group,share" if mode == "shared" else "group", numbers=False
    ).analysis.model
    assert once.SerializeToString(deterministic=True) == twice.SerializeToString(deterministic=True)
    flat = rewriter.rewrite(once, passes=(Flatten(),), numbers=False).analysis.model
    assert [node.op_type for node in flat.graph.node] == ["Abs", "Abs"]


def test_functions_of_others_pass_through() -> None:
    source = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 17, "mine" : 1]> '
        'g (float[2] x) => (float[2] y) { ["/a/call"] h = mine.Sub(x) ["/b/Neg"] y = Neg(h) } '
        '<domain: "mine", opset_import: ["" : 17]> Sub (a) => (b) { b = Abs(a) }'
    )
    made = rewriter.rewrite(source, passes=(Group(),), numbers=False).analysis.model
    assert made.functions[0] == source.functions[0]
    assert [node.op_type for node in made.functions[1].node] == ["Sub"]


@MODES
def test_no_operator_of_any_domain_gives_its_name(mode: FunctionsWord) -> None:
    assert functions(named(*sorted(names())), mode)
