"""Places of nodes with the stacks that torch 2.13 wrote around `nested_compile_region` and `no_grad`."""

from __future__ import annotations

import pytest

from rewriter.evidence.metadata.lost_stacks import STACK_TRACE
from tests.evidence.stacked import hear, places, stacked

GENERATED = 'File "net.py", line 9, in forward\n  x\nFile "<eval_with_key>.3", line 12, in forward\n  linear'


def test_a_root_whose_nodes_belong_to_owners_that_no_stack_names() -> None:
    block = ["{}.norm.weight", "{}.fc1.weight", "", "{}.fc2.weight"]
    rows = [("", name.format(f"blocks.{n}")) for n in range(2) for name in block]
    found = hear(stacked([*rows, ("", ""), ("head", "head.weight")]))
    assert [claim.module for claim in found.claims] == [
        *(f"blocks.{n}{end}" for n in range(2) for end in (".norm", ".fc1", "", ".fc2")),
        "",
        "head",
    ]
    assert [claim.class_name for claim in found.claims[:2]] == [None, None]
    assert {"blocks.0.fc1", "blocks.0"} <= found.called
    assert "blocks" not in found.called, "a list is never called"


@pytest.mark.parametrize("block", [("norm", "fc"), ("fc", "norm"), ("norm1", "fc", "norm2")])
def test_equal_weights_that_were_merged_are_dealt_out_in_order(block: tuple[str, ...]) -> None:
    owners = [f"blocks.{n}.{name}" for n in range(3) for name in block]
    first = next(owner for owner in owners if "norm" in owner)
    rows = [("", f"{first if 'norm' in owner else owner}.weight") for owner in owners]
    names = [f"{owner}.weight" for owner in owners]
    assert places(stacked(rows, signature=names)) == owners
    unknown = ["" if "norm" in owner else owner for owner in owners]
    assert places(stacked(rows)) == unknown, "without a signature nothing tells of the other norms"
    assert places(stacked(rows, signature=[*names, "uncalled.norm.weight"])) == unknown


def test_a_module_that_uses_the_weights_of_a_child_keeps_its_nodes() -> None:
    rows = [("", "holder.weight"), ("attn", "attn.in_proj_weight"), ("attn", "attn.out_proj.weight")]
    assert places(stacked(rows)) == ["", "attn", "attn"]


def test_weights_of_a_module_that_is_called_elsewhere_are_only_used() -> None:
    rows = [("model model.embed", "model.embed.weight"), ("", "model.embed.bias")]
    assert places(stacked(rows)) == ["model.embed", ""]


def test_the_stack_trace_of_a_traced_region_tells_of_a_single_call() -> None:
    rows = [
        ("tower tower.0", "tower.0.fc1.weight"),
        ("tower tower.0", ""),
        ("tower tower.0", "tower.0.fc2.weight"),
    ]
    proto = stacked(rows)
    assert places(proto) == ["tower.0"] * 3
    for node in proto.graph.node:
        node.metadata_props.add(key=STACK_TRACE, value=GENERATED)
    assert places(proto) == ["tower.0.fc1", "tower.0", "tower.0.fc2"]


def test_a_traced_region_may_bear_the_stack_of_another_module() -> None:
    rows = [("mlp mlp.fc", "mlp.fc.weight"), ("mlp", "head.weight")]
    proto = stacked(rows)
    assert places(proto) == ["mlp.fc", "mlp"], "a module may use a weight that it was handed"
    proto.graph.node[1].metadata_props.add(key=STACK_TRACE, value=GENERATED)
    assert places(proto) == ["mlp.fc", "head"]


def test_a_block_that_is_called_again() -> None:
    rows = [("blocks.0", f"blocks.0.{name}.weight") for _ in range(3) for name in ("mlp.fc1", "mlp.fc2")]
    names = [f"blocks.{n}.mlp.fc{k}.weight" for n in range(2) for k in (1, 2)]
    assert places(stacked(rows, signature=names)) == ["blocks.0.mlp.fc1", "blocks.0.mlp.fc2"] * 3
    assert places(stacked(rows)) == ["blocks.0"] * 6, "they may be equal weights of other modules"


def test_a_node_with_a_weight_is_in_no_leaf_that_has_none() -> None:
    rows = [("mlp mlp.fc1", "mlp.fc1.weight"), ("mlp mlp.act", ""), ("mlp mlp.act", "mlp.fc2.weight")]
    torch_act = {"mlp.act": "torch.nn.modules.activation.GELU"}
    assert places(stacked(rows, classes=torch_act)) == ["mlp.fc1", "mlp.act", "mlp.fc2"]
    assert places(stacked(rows)) == ["mlp.fc1", "mlp.act", "mlp.act"], "a class of the user's may do that"


def test_what_stands_between_two_calls_of_a_block_is_not_in_it() -> None:
    call = [("", "block.norm.weight"), ("", "block.mlp.fc.weight"), ("", ""), ("", "block.out.weight")]
    names = [name for _, name in call if name]
    found = places(stacked([*call, ("", ""), *call], signature=names))
    assert found == [*(one := ["block.norm", "block.mlp.fc", "block", "block.out"]), "", *one]
