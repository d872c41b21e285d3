from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewriter.paths import ROOT, ModulePath, common_ancestor

names = st.text(alphabet="ab01_/: é", min_size=1, max_size=3)
paths = st.lists(names, max_size=5).map(lambda atoms: ModulePath(".".join(atoms)))


@given(paths, names)
def test_child_and_parent(path: ModulePath, name: str) -> None:
    child = path.child(name)
    assert child.parent == path
    assert child.name == name
    assert child.depth == path.depth + 1 == len(child.atoms)
    assert isinstance(child.parent, ModulePath)


@given(paths, paths)
def test_relative_to_undoes_child(path: ModulePath, below: ModulePath) -> None:
    assert path.child(below).relative_to(path) == below
    assert path.child(below).atoms == path.atoms + below.atoms


@given(paths, paths)
def test_holds_is_a_prefix_of_atoms(left: ModulePath, right: ModulePath) -> None:
    assert left.holds(right) == (right.atoms[: left.depth] == left.atoms)
    if not left.holds(right):
        with pytest.raises(ValueError, match="is not inside"):
            right.relative_to(left)


@given(paths)
def test_ancestors(path: ModulePath) -> None:
    ancestors = [*path.ancestors()]
    assert [a.depth for a in ancestors] == [*range(path.depth - 1, -1, -1)]
    assert all(a.holds(path) and a != path for a in ancestors)
    assert ROOT.parent is None


@given(st.lists(paths, max_size=5))
def test_common_ancestor(group: list[ModulePath]) -> None:
    found = common_ancestor(group)
    if not group:
        assert found is None
        return
    assert found is not None
    assert all(found.holds(path) for path in group)
    deeper = {path.atoms[: found.depth + 1] for path in group}
    assert len(deeper) > 1 or found in group
    assert found == common_ancestor(reversed(group))


@given(paths)
def test_a_path_without_magic_matches_itself_alone(path: ModulePath) -> None:
    assert path.matches(path)
    assert path.matches("**")
    assert path.matches(".".join(["*"] * path.depth))
    assert not path.matches(path.child("x"))


@given(paths, paths)
def test_two_stars_stand_for_any_atoms(above: ModulePath, below: ModulePath) -> None:
    assert above.child(below).matches(above.child("**"))
    assert above.child(below).matches(ModulePath("**").child(below))


@pytest.mark.parametrize(
    ("path", "glob", "fits"),
    [
        ("layer.0.attention", "layer.*.attention", True),
        ("layer.0.x.attention", "layer.*.attention", False),
        ("layer.0.x.attention", "layer.**.attention", True),
        ("layer.attention", "layer.**.attention", True),
        ("layer.2", "layer.[0-3]", True),
        ("layer.4", "layer.[0-3]", False),
        ("layer.10", "layer.?", False),
        ("Layer", "layer", False),
        ("", "", True),
        ("", "*", False),
        ("a", "", False),
    ],
)
def test_matches(path: str, glob: str, fits: bool) -> None:
    assert ModulePath(path).matches(glob) == fits


def test_names_that_begin_alike_are_apart() -> None:
    assert not ModulePath("layer.1").holds("layer.10")
    assert common_ancestor([ModulePath("layer.1"), ModulePath("layer.10")]) == "layer"


def test_numbered_children() -> None:
    layers = ModulePath("layers")
    inside = ("layers.0", "layers.0.fc", "layers.12")
    others = ("layers", "layers.act", "layers.fc.0", "layers0", "0", "")
    assert all(layers.holds_numbered(ModulePath(path)) for path in inside)
    assert not any(layers.holds_numbered(ModulePath(path)) for path in others)
    assert ROOT.holds_numbered(ModulePath("0.weight"))


def test_cut() -> None:
    path = ModulePath("a.b.c")
    assert [path.cut(depth) for depth in (0, 1, 2, 3, 4, None)] == ["", "a", "a.b", "a.b.c", "a.b.c", "a.b.c"]
