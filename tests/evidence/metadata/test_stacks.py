"""Places of nodes with the stacks that torch 2.13 wrote after `forward` was replaced on an instance."""

from __future__ import annotations

import pytest

from rewriter.evidence.metadata.stacks import extends
from rewriter.paths import ModulePath
from tests.evidence.stacked import hear, places, stacked

SELF = "forward.__self__"
HOOK = "forward.func.__kwdefaults__['_old'].__self__"


def test_an_entry_that_does_not_extend_the_stack_is_relative() -> None:
    rows = [
        ("model model.0 conv", "model.0.conv.weight"),
        ("model model.0 act", ""),
        ("model model.1 model.1.cv1 conv", "model.1.cv1.conv.weight"),
        ("model model.1 model.1.cv1 act", ""),
        ("model model.1", ""),
        ("conv", "conv.weight"),
        ("act", ""),
    ]
    assert places(stacked(rows)) == [
        "model.0.conv",
        "model.0.act",
        "model.1.cv1.conv",
        "model.1.cv1.act",
        "model.1",
        "conv",
        "act",
    ]


def test_relative_below_relative_and_paths_from_the_root_between() -> None:
    rows = [
        ("tower layers.0 attn p.q", "tower.layers.0.attn.p.q.weight"),
        ("tower layers.0 attn", ""),
        ("tower layers.0 attn out tower.layers.0.attn.out.0", "tower.layers.0.attn.out.0.weight"),
        ("tower layers.0 attn out tower.layers.0.attn.out.1", ""),
        ("tower layers.0 act", ""),
        ("tower act", ""),
    ]
    assert places(stacked(rows)) == [
        "tower.layers.0.attn.p.q",
        "tower.layers.0.attn",
        "tower.layers.0.attn.out.0",
        "tower.layers.0.attn.out.1",
        "tower.layers.0.act",
        "tower.act",
    ]


@pytest.mark.parametrize(
    "way", [SELF, HOOK, "forward.args[0]", "forward.__closure__[0].cell_contents.__self__"]
)
def test_attribute_access_is_no_module(way: str) -> None:
    rows = [
        (f"{way}.tower tower.layers.0 tower.layers.0.{way}.fc", "tower.layers.0.fc.weight"),
        (f"{way}.tower tower.layers.0 tower.layers.0.{way}.act", ""),
        (f"{way}.tower tower.layers.0.{way} tower.layers.0.{way}.fc", "tower.layers.0.fc.weight"),
        (f"{way}.tower tower.layers.0.{way}", ""),
        (f"{way}.tower tower.{way}.act", ""),
        (f"{way}.act", ""),
    ]
    found = hear(stacked(rows))
    assert [claim.module for claim in found.claims] == [
        "tower.layers.0.fc",
        "tower.layers.0.act",
        "tower.layers.0.fc",
        "tower.layers.0",
        "tower.act",
        "act",
    ]
    assert {str(path) for path in found.classes} == {
        "",
        "tower",
        "tower.layers.0",
        "tower.layers.0.fc",
        "tower.layers.0.act",
        "tower.act",
        "act",
    }


def test_the_forward_of_another_module() -> None:
    rows = [(f"b b.{SELF}.act", ""), (f"b b.{SELF}.fc", "a.fc.weight"), ("b", "")]
    assert places(stacked(rows)) == ["a.act", "a.fc", "b"]


def test_a_module_that_the_caller_passed_down_is_no_child() -> None:
    rows = [
        ("layers.0 layers.0.fc", "layers.0.fc.weight"),
        ("layers.0 act", ""),
        ("layers.0 table", "table.weight"),
        ("layers.1 layers.1.fc", "layers.1.fc.weight"),
        ("layers.1 act", ""),
        ("layers.1 table", "table.weight"),
    ]
    assert places(stacked(rows)) == ["layers.0.fc", "act", "table", "layers.1.fc", "act", "table"]
    through = [(stack.replace(" layers.0.", f" layers.0.{SELF}."), weight) for stack, weight in rows[:3]]
    assert places(stacked(through)) == ["layers.0.fc", "act", "table"]


def test_weights_that_several_nodes_read_do_not_move_a_module() -> None:
    """The exporter put the weights of both norms into one initializer, named after the first."""
    rows = [("blocks.0 norm", "blocks.0.norm.weight"), ("blocks.1 norm", "blocks.0.norm.weight")]
    assert places(stacked(rows)) == ["blocks.0.norm", "blocks.1.norm"]


def test_one_module_does_not_own_the_weights_of_several() -> None:
    """Bound methods were called instead of their modules; the root has a `conv` and an `act` as well."""
    block = [("pre", ""), ("conv", "{}.conv.weight"), ("act", ""), ("act", "")]
    rows = [(stack, weight.format(f"blocks.{n}")) for n in range(3) for stack, weight in block]
    found = places(stacked([*rows, ("conv", "conv.weight"), ("act", "")]))
    assert found == [
        *(f"blocks.{n}.{name}" for n in range(3) for name in ("pre", "conv", "act", "act")),
        "conv",
        "act",
    ]


def test_a_module_under_two_names_stays_where_it_was_called() -> None:
    rows = [("conv", "backbone.conv.weight"), ("act", ""), ("conv", "backbone.conv.bias")]
    assert places(stacked(rows)) == ["conv", "act", "conv"]


def test_a_block_that_stands_in_two_places() -> None:
    """`layers.1` and `layers.0` are one module: torch names the children of its Sequential by `layers.0`."""
    rows = [
        (f"tower layers.{n} out tower.layers.0.out.{child}", weight)
        for n in range(2)
        for child, weight in ((0, "tower.layers.1.out.0.weight"), (1, ""))
    ]
    names = [f"tower.layers.{n}.out.0.weight" for n in range(2)]
    assert places(stacked(rows, signature=names)) == [
        f"tower.layers.{n}.out.{c}" for n in (0, 1) for c in (0, 1)
    ]


def test_a_list_of_modules_that_torch_does_not_know() -> None:
    rows = [
        (stack.format(n), weight.format(n))
        for n in range(2)
        for stack, weight in (
            ("mods[{0}] mods[{0}].pre", ""),
            ("mods[{0}] mods[{0}].conv", "blocks.{0}.conv.weight"),
            ("mods[{0}]", ""),
        )
    ]
    assert places(stacked(rows)) == [f"blocks.{n}{name}" for n in range(2) for name in (".pre", ".conv", "")]


def test_bound_methods_in_a_list() -> None:
    rows = [
        ("fns[0].__self__.pre", ""),
        ("fns[0].__self__.conv", "blocks.0.conv.weight"),
        ("fns[1].__self__.pre", ""),
        ("fns[1].__self__.conv", "blocks.1.conv.weight"),
        ("pre", ""),
    ]
    assert places(stacked(rows)) == ["blocks.0.pre", "blocks.0.conv", "blocks.1.pre", "blocks.1.conv", "pre"]


def test_a_norm_folded_into_its_convolution_goes_beside_it() -> None:
    rows = [("model model.0 bn", "model.0.conv.weight"), ("model model.0 act", ""), ("bn", "conv.weight")]
    names = ["model.0.conv.weight", "model.0.bn.weight", "conv.weight", "bn.weight"]
    assert places(stacked(rows, signature=names)) == ["model.0.bn", "model.0.act", "bn"]


def test_stacks_that_extend() -> None:
    assert extends((ModulePath(""), ModulePath("a"), ModulePath("a.b.0"), ModulePath("a.b.0.forward_x")))
    assert not extends((ModulePath(""), ModulePath("a"), ModulePath("b")))
    assert not extends((ModulePath(""), ModulePath("a"), ModulePath("a")))
    assert not extends((ModulePath(""), ModulePath("a.forward.__self__.b")))
