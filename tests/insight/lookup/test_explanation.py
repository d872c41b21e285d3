"""Explanations of names: of a node, a value, a weight and a module."""

from __future__ import annotations

import json

import jsonschema
import pytest

import rewriter
from rewriter.basics.literals import SubjectWord
from rewriter.errors import UsageError
from rewriter.insight.lookup.explanation import Explanation, explain
from rewriter.insight.lookup.name_lookup import Subject
from rewriter.modules.module import OwnedBy
from rewriter.views.json import explain_json, schema
from tests.build import model
from tests.exports import EXPORTS

NAMES = """
g (float[2,4] x) => (float[2,4] y)
<float[4,4] "enc.a.weight" = {1,0,0,0, 0,2,0,0, 0,0,3,0, 0,0,0,4}, float[4] free = {1,2,3,4}>
{
  ["/enc/a/MatMul"] h = MatMul(x, "enc.a.weight")
  ["/enc/b/Add"] k = Add(h, free)
  ["/enc/c/Add"] m = Add(k, free)
  [twice] "enc" = Relu(m)
  ["/dec/Add"] y = Add("enc", x)
}
"""
WEIGHTS = """
g (float[2,4] x) => (float[2,4] y) <float[4,4] "a.b.weight" = {1,0,0,0, 0,2,0,0, 0,0,3,0, 0,0,0,4}>
{ y = MatMul(x, "a.b.weight") }
"""


def told(name: str, as_: SubjectWord | None = None, text: str = NAMES) -> Explanation:
    found = rewriter.open(model(text)).explain(name, as_)
    jsonschema.validate(json.loads(json.dumps(explain_json(found))), schema("explain"))
    return found


def readers(found: Explanation) -> dict[str | None, list[str]]:
    of = found.values[0] if found.values else found.weights[0]
    names = found.analysis.graph.names
    return {each.module: [names[node] for node in each.nodes] for each in of.readers}


def test_a_node_is_explained_by_its_claims() -> None:
    found = told("/enc/b/Add")
    assert (found.what, found.also) == (Subject.NODE, ())
    assert [found.analysis.graph.names[node] for node in found.nodes] == ["/enc/b/Add"]


def test_a_value_is_explained_by_its_producer_and_its_readers() -> None:
    found = told("h")
    assert found.what is Subject.VALUE
    assert [found.analysis.graph.names[node] for node in found.nodes] == ["/enc/a/MatMul"]
    assert readers(found) == {"enc.b": ["/enc/b/Add"]}
    assert "written by /enc/a/MatMul" in str(found)
    assert "✓ scope name: enc.a" in str(found)


def test_an_input_has_readers_and_no_producer() -> None:
    found = told("x")
    assert (found.nodes, found.values[0].input_of) == ((), "model")
    assert readers(found) == {"enc.a": ["/enc/a/MatMul"], "dec": ["/dec/Add"]}


def test_an_output_says_so() -> None:
    assert told("y").values[0].is_output
    assert "an output of the model" in str(told("y"))


def test_a_weight_is_explained_by_its_parameter() -> None:
    found = told("enc.a.weight")
    (holder,) = found.weights[0].holders
    assert (found.what, holder.module, holder.tensor.owned_by) == (Subject.WEIGHT, "enc.a", OwnedBy.CLAIM)
    ((parameter, source),) = holder.parameters
    assert (parameter.name, source) == ("weight", "parameter")
    assert readers(found) == {"enc.a": ["/enc/a/MatMul"]}


def test_a_weight_without_a_name_belongs_to_its_readers() -> None:
    found = told("free")
    (holder,) = found.weights[0].holders
    assert (holder.module, holder.tensor.owned_by) == ("enc", OwnedBy.READERS)
    assert holder.parameters == ()
    assert "the lowest module that holds all its readers" in str(found)


def test_a_weight_is_found_by_the_name_of_its_parameter() -> None:
    """The exporter gave the transposed weight a name of its own."""
    found = explain(rewriter.load(EXPORTS / "bert" / "ts.onnx"), "model.pooler.dense.weight")
    assert found.what is Subject.WEIGHT
    layer = "model.encoder.layer.0.attention.self.key"
    (weight,) = explain(found.analysis, f"{layer}.weight").weights
    assert found.analysis.graph.value_names[weight.value].startswith("onnx::MatMul")
    assert [(each.module, each.parameters[0][0].transposed) for each in weight.holders] == [(layer, True)]


def test_a_module_is_explained_by_the_witnesses_that_name_it() -> None:
    evidence = told("enc.a").module
    assert evidence is not None
    assert evidence.claims == {"scope_name": 1, "parameter": 1}
    assert evidence.weights == {"parameter": 1}
    assert (evidence.own, evidence.total, evidence.by_source) == (16, 16, {"scope_name": 1})
    assert (evidence.class_source, evidence.module.inferred_class) == (None, "torch.nn.modules.linear.Linear")


def test_a_module_is_found_without_the_prefix_of_a_wrapper() -> None:
    analysis = rewriter.load(EXPORTS / "bert" / "dy.onnx")
    found = explain(analysis, "pooler.dense").module
    assert found is not None
    assert found.module.path == "model.pooler.dense"
    assert explain(analysis, "pooler.dense.weight").what is Subject.WEIGHT
    with pytest.raises(UsageError, match="no node, value, weight or module fits"):
        explain(analysis, "pooler.*")


def test_a_module_that_no_witness_names_is_known_by_those_below() -> None:
    found = told("a", text=WEIGHTS)
    assert found.module is not None
    assert not found.module.named
    assert "known by  the paths of modules below it" in str(found)
    assert "the model itself" in str(told("(root)"))


def test_a_name_of_several_things_is_the_first_of_them_and_says_so() -> None:
    found = told("enc")
    assert (found.what, found.also) == (Subject.VALUE, (Subject.MODULE,))
    assert "a module has this name too: --as module explains it" in str(found)
    other = told("enc", "module")
    assert (other.what, other.also) == (Subject.MODULE, (Subject.VALUE,))
    with pytest.raises(UsageError, match="no weight is called 'enc', but a value and a module is"):
        told("enc", "weight")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("node_tanhh", "node_tanh"),
        ("layr_norm_4", "layer_norm_4"),
        ("model.poolr.dense", "model.pooler.dense"),
        ("model.pooler.dense.weigt", "model.pooler.dense.weight"),
        ("", ""),
    ],
)
def test_a_name_of_nothing_names_the_nearest(name: str, near: str) -> None:
    path = EXPORTS / "bert" / "dy.onnx"
    with pytest.raises(UsageError) as raised:
        rewriter.open(path).explain(name)
    assert str(raised.value).startswith(f"{path}: no node, value, weight or module fits {name!r}")
    assert near in str(raised.value)


def test_conflicts_of_a_module_are_listed() -> None:
    found = told("enc.b", text=NAMES.replace("free", '"dec.bias"'))
    assert found.module is not None
    assert (found.module.unsure, dict(found.module.conflicts)) == (0, {})
    one = NAMES.replace("Add(k, free)", "Relu(k)").replace("free", '"dec.bias"')
    other = told("enc.b", text=one).module
    assert other is not None
    assert (other.unsure, dict(other.conflicts)) == (1, {"dec": 1})


def test_weights_of_bodies_with_one_name_are_each_explained() -> None:
    branch = '= b () => (float[2] p) <float[2] "w.weight" = {1, 2}> { p = Add(x, "w.weight") }'
    found = rewriter.open(
        model(
            f"g (float[2] x, bool c) => (float[2] y) {{ y = If(c) "
            f"<then_branch {branch}, else_branch {branch}> }}"
        )
    ).explain("w.weight")
    assert [[holder.module for holder in each.holders] for each in found.weights] == [["w"], ["w"]]
