"""The bound on paths admits the largest models that were trained."""

from __future__ import annotations

import pytest

from rewriter.errors import UnreadableModel
from rewriter.evidence.path_lengths import Extent
from rewriter.model.limits import Limits, within
from tests.exports import FILES, truth_of


def test_a_path_counts_once_and_so_do_those_above() -> None:
    extent = Extent()
    for path in ("ab.c.d", "ab.c.e", "ab", "", "ab.c.d"):
        extent.add(path)
    assert extent.characters == len("ab") + len("ab.c") + len("ab.c.d") + len("ab.c.e")


def test_nodes_count_with_every_path_that_is_written_on_them() -> None:
    extent = Extent()
    extent.add("ab")
    with within(Limits(paths=5 * 2 + 2 * 3 * 2)):
        extent.demand(["ab"] * 3 + [None])
        with pytest.raises(UnreadableModel, match="--limit paths=NUMBER"):
            extent.demand(["ab"] * 4)


def test_a_million_nodes_of_a_mixture_of_experts_pass() -> None:
    """The model has 61 layers of 256 experts with three products each, and over 20 nodes for each product."""
    extent = Extent()
    experts = [f"model.model.layers.{layer}.mlp.experts.{each}" for layer in range(61) for each in range(256)]
    modules = [f"{expert}.{name}" for expert in experts for name in ("gate_proj", "up_proj", "down_proj")]
    for module in modules:
        extent.add(module)
    extent.demand(module for module in modules for _ in range(22))


def test_the_longest_path_of_all_exports_passes_on_a_million_nodes() -> None:
    folders = {path.parent for path in FILES}
    longest = max((str(module["path"]) for each in folders for module in truth_of(each)["modules"]), key=len)
    assert len(longest) > 60
    extent = Extent()
    extent.add(longest)
    extent.demand(longest for _ in range(1_000_000))
