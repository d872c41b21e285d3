from __future__ import annotations

from pathlib import Path

import pytest

from rewriter.insight.tools.facts import Facts, facts_of
from tests.insight.tools import files


def test_a_flat_model_has_nothing_but_its_size() -> None:
    model = files.flat()
    assert facts_of(model) == Facts(
        ir_version=10, opset=17, nodes=2, expanded=2, data_bytes=len(model.SerializeToString())
    )


def test_functions_are_counted_by_what_the_model_comes_to() -> None:
    model = files.called_twice()
    model.functions.add().CopyFrom(model.functions[0])
    model.functions[-1].name = "unused"
    found = facts_of(model)
    assert (found.functions, found.called, found.shared, found.foreign) == (2, 1, 1, 2)
    assert (found.inner, found.inner_values, found.quantised) == (2, 1, 1)
    assert (found.nodes, found.expanded) == (6, 4)


@pytest.mark.parametrize("levels", [0, 3, 30])
def test_doubling_is_multiplied_not_walked(levels: int) -> None:
    found = facts_of(files.doubling(levels))
    assert (found.expanded, found.depth) == (2**levels, levels + 1)
    assert found.shared == levels
    assert found.nodes == 2 * (levels + 1)


def test_depth_has_no_bound_of_its_own() -> None:
    assert facts_of(files.nested(3000)()).depth == 3000


def test_calls_in_branches_count() -> None:
    model = files.branching(called=True)()
    assert facts_of(model).bodies == 2
    (branch, _) = model.graph.node[1].attribute
    branch.g.node[0].op_type, branch.g.node[0].domain = "a", "f"
    found = facts_of(model)
    assert (found.shared, found.expanded) == (1, 4)


def test_a_link_is_told_from_a_file(tmp_path: Path) -> None:
    import onnx

    for linked in (False, True):
        folder = tmp_path / str(linked)
        folder.mkdir()
        path = files.save_external(folder / "model.onnx", linked=linked)
        found = facts_of(onnx.load(path, load_external_data=False), path)
        assert (found.external, found.linked) == (1, int(linked))
        assert (found.data_bytes > path.stat().st_size) is not linked


def test_halves_are_no_floats() -> None:
    model = files.scaled()
    assert facts_of(model).inner_floats == 1
    for node in model.functions[0].node:
        for attribute in node.attribute:
            attribute.t.data_type = 10
    assert facts_of(model).inner_floats == 0


def test_overloads_are_counted_where_they_matter() -> None:
    for twins, inner, expected in ((True, False, (1, 0)), (True, True, (1, 1)), (False, True, (0, 0))):
        found = facts_of(files.overloaded(twins=twins, inner=inner)())
        assert (found.twins, found.inner_overloads) == expected
    model = files.overloaded(twins=False)()
    model.functions.add().CopyFrom(model.functions[0])
    model.functions[2].overload = "unused"  # it takes the place of its twin where overloads are ignored
    assert facts_of(model).twins == 1
    model.graph.ClearField("node")  # nobody calls either
    assert facts_of(model).twins == 0


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (files.flat, (0, 0, 0, 0, 0)),
        (files.branches("function"), (0, 0, 0, 0, 0)),
        (files.branching(called=True), (0, 0, 0, 0, 0)),
        (files.unsorted, (1, 0, 0, 0, 0)),
        (files.reading_later, (1, 1, 0, 0, 0)),
        (files.branches(swapped=True), (0, 0, 1, 0, 0)),
        (files.branches("function", swapped=True), (0, 0, 0, 1, 0)),
        (files.unsorted_function(), (0, 0, 0, 1, 0)),
        (files.unsorted_function(called=False), (0, 0, 0, 0, 1)),
    ],
)
def test_nodes_that_are_not_sorted_are_counted_by_place(make: files.Make, expected: tuple[int, ...]) -> None:
    found = facts_of(make())
    places = ("unsorted", "captured_unsorted", "body_unsorted", "function_unsorted", "idle_unsorted")
    assert tuple(getattr(found, place) for place in places) == expected


def test_a_name_of_a_body_is_not_read_from_outside() -> None:
    model = files.parsed("""g (float[2] x, bool b) => (float[2] y) {
        z = If (b) <then_branch = t () => (float[2] p) { h = Relu(x)\n p = Sin(h) },
                    else_branch = e () => (float[2] q) { q = Neg(x) }>
        h = Relu(z)
        y = Sin(h)
    }""")
    assert facts_of(model).unsorted == 0
    model.graph.node[0].attribute[0].g.node[0].output[0] = "other"  # h is that of the main graph now
    assert (facts_of(model).unsorted, facts_of(model).captured_unsorted) == (1, 1)
