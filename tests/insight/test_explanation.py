"""The claims on a node, by its name or by a value that it writes."""

from __future__ import annotations

import pytest

import rewriter
from rewriter.errors import UsageError
from rewriter.insight.explanation import explain
from tests.exports import EXPORTS


def test_a_node_is_named_by_itself_or_by_what_it_writes() -> None:
    analysis = rewriter.load(EXPORTS / "bert" / "dy.onnx")
    by_name, by_value = explain(analysis, "node_tanh"), explain(analysis, "tanh")
    assert by_name.nodes == by_value.nodes
    (node,) = by_name.nodes
    assert analysis.graph.names[node] == "node_tanh"
    assert analysis.claims[node][0].module == "model.pooler.activation"


@pytest.mark.parametrize(
    ("name", "near"), [("node_tanhh", "node_tanh"), ("layr_norm_4", "layer_norm_4"), ("", "")]
)
def test_a_name_of_no_node_names_the_nearest(name: str, near: str) -> None:
    path = EXPORTS / "bert" / "dy.onnx"
    with pytest.raises(UsageError) as raised:
        rewriter.open(path).explain(name)
    assert str(raised.value).startswith(f"{path}: no node fits {name!r}")
    assert near in str(raised.value)
