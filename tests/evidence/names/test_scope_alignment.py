from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewriter.evidence.names.scope_alignment import (
    align,
    align_above,
    align_beneath,
    align_from_elsewhere,
    unqualified,
)
from rewriter.evidence.names.scope_grammar import scoped_prefix
from rewriter.paths import ModulePath


@pytest.mark.parametrize(
    ("path", "name"),
    [("encoder.layer.0", "layer.0"), ("a.0.1", "a.0.1"), ("0.1", "0.1"), ("fc", "fc"), ("a.b_1", "b_1")],
)
def test_unqualified(path: str, name: str) -> None:
    assert unqualified(path) == name


@pytest.mark.parametrize(
    ("scope", "path", "modules", "hidden"),
    [
        (
            "encoder/layer.0/self",
            "encoder.layer.0.self",
            ["encoder", "encoder.layer.0", "encoder.layer.0.self"],
            0,
        ),
        ("enc", "blocks.enc", ["blocks.enc"], 1),
        ("seq/seq.0/seq.0.1", "seq.0.1", ["seq", "seq.0", "seq.0.1"], 0),
        ("1/1.1/1.1.0", "1.1.0", ["1", "1.1", "1.1.0"], 0),
        ("seq/0", "seq.0", ["seq", "seq.0"], 0),
        ("a/b", "a/b", ["a/b"], 0),
        ("a/b/c", "a/b.c", ["a/b", "a/b.c"], 0),
        ("layer.0", "model.encoder.layer.0", ["model.encoder.layer.0"], 2),
        ("x/x", "x.x", ["x", "x.x"], 0),
    ],
)
def test_align(scope: str, path: str, modules: list[str], hidden: int) -> None:
    found = align(scope, path)
    assert found is not None
    assert [module for _, module in found.steps] == modules
    assert found.steps[-1][0] == len(scope)
    assert found.hidden == hidden


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ("encoder", "encoder.layer.0"),
        ("encoder/layer.0", "encoder"),
        ("layer.1", "layer.10"),
        ("ayer.0", "layer.0"),
        ("b/a", "a.b"),
        ("", "a"),
    ],
)
def test_what_does_not_align(scope: str, path: str) -> None:
    assert align(scope, path) is None


def test_the_detours() -> None:
    elsewhere = align_from_elsewhere("caller/inner/act", "act")
    assert elsewhere is not None
    assert elsewhere.detour == len("caller/inner/")
    assert align_from_elsewhere("act", "act") is None
    above = align_above("mha", "mha.out_proj")
    assert above is not None
    assert above.steps[-1][1] == "mha"
    assert align_above("x", "mha.out_proj") is None
    beneath = align_beneath("mha/inner/deep", "mha")
    assert beneath is not None
    assert beneath.steps == ((3, ModulePath("mha")),)
    assert align_beneath("other/inner", "mha") is None


names = st.sampled_from(["a", "b", "0", "1", "a_1", "x/y"])


@given(st.lists(names, min_size=1, max_size=5))
def test_every_path_aligns_with_its_own_prefix(atoms: list[str]) -> None:
    path = ModulePath(".".join(atoms))
    found = align(scoped_prefix(path).removeprefix("/"), path)
    assert found is not None
    assert found.steps[-1][1] == path
    ends = [end for end, _ in found.steps]
    assert ends == sorted(ends)
    assert all(module.holds(path) for _, module in found.steps)
