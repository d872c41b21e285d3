from __future__ import annotations

from collections.abc import Callable, Mapping

from rewriter.runtime.inputs.relation_search import Failure, RelationSearch, suggestions
from rewriter.runtime.inputs.size_relations import Linear

CACHE = {
    "ids": ("b0", "new"),
    "mask": ("b1", "total"),
    "key": ("b2", 2, "past", 8),
    "value": ("b3", 2, "kept", 8),
}
AXES = {"b0": 0, "new": 1, "b1": 0, "total": 1, "b2": 0, "past": 2, "b3": 0, "kept": 2}


def _sizes(run: Callable[[Mapping[str, int]], Failure]) -> dict[str, int] | None:
    relations = RelationSearch(CACHE, AXES, run).found()
    if relations is None:
        return None
    free = [symbol for symbol in AXES if symbol not in relations.defined]
    return relations.sizes({symbol: 10 + number for number, symbol in enumerate(free)})


def _compared(*equal: tuple[str, int, int]) -> Failure:
    return next((f"{text}: {left} by {right}" for text, left, right in equal if left != right), None)


def test_two_sizes_in_a_message_should_have_been_equal() -> None:
    def run(sizes: Mapping[str, int]) -> Failure:
        total = sizes["past"] + sizes["new"]
        return _compared(
            ("Concat_6: axis 0", sizes["b2"], sizes["b0"]),
            ("layers.0/Add at file.cc:7", total, sizes["total"]),
            ("Concat_7", sizes["b3"], sizes["b0"]),
            ("Expand_1", sizes["b1"], sizes["b0"]),
            ("MatMul_9", sizes["kept"] + sizes["new"], total),
        )

    found = _sizes(run)
    assert found is not None
    assert found["b0"] == found["b1"] == found["b2"] == found["b3"]
    assert found["past"] == found["kept"]
    assert found["total"] == found["past"] + found["new"]
    assert len({found["b0"], found["new"], found["past"], found["total"]}) == 4


def test_a_single_size_may_be_that_of_a_table_that_is_too_short() -> None:
    """An index runs to the batch times all positions; only the size of the table is in the message."""

    def run(sizes: Mapping[str, int]) -> Failure:
        table, needed = sizes["b1"] * sizes["total"], sizes["b0"] * (sizes["past"] + sizes["new"])
        return (
            None
            if table >= needed and sizes["b1"] == sizes["b0"]
            else f"index {table} in [-{table},{table - 1}]"
        )

    found = _sizes(run)
    assert found is not None
    assert found["b1"] == found["b0"]
    assert found["total"] >= found["past"] + found["new"]


def test_a_size_may_be_a_number_of_the_graph() -> None:
    found = _sizes(
        lambda sizes: (
            None if sizes["past"] + sizes["new"] == 128 else f"got {sizes['past'] + sizes['new']}, not 128"
        )
    )
    assert found is not None
    assert found["past"] + found["new"] == 128


def test_two_numbers_may_be_the_same_multiple_of_two_sizes() -> None:
    found = _sizes(lambda sizes: _compared(("Add", 4 * sizes["b1"], 4 * sizes["b2"])))
    assert found is not None
    assert found["b1"] == found["b2"]


def test_an_empty_slice_is_that_of_an_axis_that_is_too_short() -> None:
    """The slice begins at the size of the cache, and should have the size of the new tokens."""

    def run(sizes: Mapping[str, int]) -> Failure:
        left = max(0, sizes["total"] - sizes["past"])
        return _compared(("Add", left, sizes["new"]))

    found = _sizes(run)
    assert found is not None
    assert found["total"] == found["past"] + found["new"]


def test_a_message_without_numbers_ends_the_search() -> None:
    runs: list[Mapping[str, int]] = []

    def run(sizes: Mapping[str, int]) -> Failure:
        runs.append(sizes)
        return "no kernel"

    assert _sizes(run) is None
    assert len(runs) == 2


def test_numbers_within_names_do_not_count() -> None:
    probe = {"a": 7, "b": 9}
    axes = {"a": 0, "b": 1}
    assert not list(suggestions("node_7 /layers.9/Add 7x9 file.h:9 -7 v1.7.9", probe, axes))
    (braced, *_) = suggestions("Shape:{7,9}", probe, axes)
    (first, *_) = suggestions("got 7, wanted 9", probe, axes)
    assert first.equation == braced.equation == (Linear.of("a"), Linear.of("b"))
