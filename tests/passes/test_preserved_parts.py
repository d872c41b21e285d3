"""What passes require and preserve: no analysis is handed out that no longer holds, none is made in vain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

import rewriter
from rewriter.errors import BelowThreshold, StaleAnalysis, UsageError
from rewriter.evidence.claims import Source
from rewriter.evidence.side_inputs import Given
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.build import analyse
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Outcome, Pass
from rewriter.passes.flatten import Flatten
from rewriter.passes.group import Group
from rewriter.passes.preserved_parts import EVERYTHING, TREE, Part, PartialAnalysis
from rewriter.passes.restore_names import RestoreNames
from rewriter.passes.share import Share
from rewriter.passes.unshare import Unshare
from rewriter.pipeline import pass_manager
from tests.build import chain
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "dy.onnx"


@dataclass(frozen=True)
class Strip:
    """Takes all metadata of nodes out."""

    name: ClassVar[str] = "strip"
    requires: ClassVar[frozenset[Part]] = frozenset({Part.NAMES, Part.NODES})
    preserves: ClassVar[frozenset[Part]] = EVERYTHING - {Part.METADATA}

    def run(self, analysis: Analysis) -> Outcome:
        """Go through all nodes."""
        taken = 0
        for node in analysis.graph.nodes:
            taken += len(node.metadata_props)
            del node.metadata_props[:]
        return Outcome({"entries taken out": taken})


def reads(name: str, required: frozenset[Part]) -> Pass:
    """A pass that reads one attribute of its analysis, and requires what it is told to."""

    @dataclass(frozen=True)
    class Reads:
        name: ClassVar[str] = "reads"
        requires: ClassVar[frozenset[Part]] = required
        preserves: ClassVar[frozenset[Part]] = EVERYTHING

        def run(self, analysis: Analysis) -> Outcome:
            getattr(analysis, name)
            return Outcome({})

    return Reads()


@dataclass(frozen=True)
class Forget:
    """Takes the names of nodes."""

    name: ClassVar[str] = "forget"
    requires: ClassVar[frozenset[Part]] = frozenset()
    preserves: ClassVar[frozenset[Part]] = EVERYTHING - {Part.NAMES}

    def run(self, analysis: Analysis) -> Outcome:
        """Go through the main graph."""
        for node in analysis.model.graph.node:
            node.name = ""
        return Outcome({"names taken": len(analysis.model.graph.node)})


def test_a_pass_behind_group_edits_the_nodes_of_the_file() -> None:
    report = rewriter.rewrite(BERT, passes=[Annotate(), Unshare(), Group(), Strip()], numbers=False)
    assert report.passes[-1].changes["entries taken out"] > 500
    made = report.analysis.model
    nodes = [*made.graph.node, *(node for function in made.functions for node in function.node)]
    assert len(made.functions) > 10
    assert not any(node.metadata_props for node in nodes)


def test_the_report_tells_the_tree_of_what_was_written() -> None:
    report = rewriter.rewrite(BERT, passes=[Strip(), Annotate()], numbers=False)
    assert report.analysis.tree.by_source == {Source.EXPORTER: 83}
    alone = rewriter.rewrite(report.analysis.model, passes=[Annotate()], numbers=False)
    assert report.tree.by_source == alone.tree.by_source
    assert Source.EXPORTER not in report.tree.by_source
    assert report.passes[1].changes["nodes annotated"] > 0


def test_the_least_share_of_nodes_is_that_of_the_result() -> None:
    model = chain("/a/Relu", "/b/Relu")
    assert rewriter.load(model).tree.coverage == 1
    with pytest.raises(BelowThreshold, match=r"0.0% of the nodes placed, --min-coverage asks for 100"):
        rewriter.rewrite(model, passes=[Forget()], numbers=False, min_coverage=1.0)
    rewriter.rewrite(model, passes=[Annotate(), Forget()], numbers=False, min_coverage=1.0)


@pytest.mark.parametrize("name", ["graph", "tree", "claims", "parameters", "notes", "heard"])
def test_what_is_no_longer_true_is_not_handed_out(name: str) -> None:
    names = [RestoreNames(), reads(name, frozenset())]
    with pytest.raises(StaleAnalysis, match=f"analysis.{name} was made before .* changed the .*names"):
        rewriter.rewrite(EXPORTS / "bert" / "ts.onnx", passes=names, numbers=False)
    rewriter.rewrite(BERT, passes=[RestoreNames(), reads(name, TREE)], numbers=False)


def test_the_index_outlives_metadata_and_the_tree_does_not() -> None:
    index = frozenset({Part.NAMES, Part.NODES})
    rewriter.rewrite(BERT, passes=[Strip(), reads("graph", index)], numbers=False)
    with pytest.raises(StaleAnalysis, match=r"analysis.tree .* metadata .*Part.METADATA, Part.NAMES"):
        rewriter.rewrite(BERT, passes=[Strip(), reads("tree", index)], numbers=False)


def test_the_model_is_always_current() -> None:
    whole = rewriter.load(chain("/a/Relu"))
    partial = PartialAnalysis(whole, EVERYTHING)
    assert partial.model is whole.model
    assert partial.path is None
    partial.demand_text()
    assert isinstance(partial, Analysis)


@pytest.mark.parametrize(
    ("passes", "made"),
    [
        ([Annotate(), Unshare(), Group(), Share()], 0),
        ([Annotate(), Annotate()], 0),
        ([Annotate(), Unshare(), Group(), Share(), Flatten()], 0),
        ([Strip(), Annotate()], 1),
        ([Strip(), reads("graph", frozenset({Part.NODES, Part.NAMES}))], 0),
        ([Annotate(), Group(), Flatten(), Unshare()], 1),
    ],
)
def test_a_model_is_analysed_anew_only_where_it_must_be(
    passes: list[Pass], made: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(graph: GraphIndex, path: Path | None, given: Given) -> Analysis:
        asked.append(path)
        return analyse(graph, path, given)

    monkeypatch.setattr(pass_manager, "analyse", counted)
    rewriter.rewrite(BERT, passes=passes, numbers=False)
    assert len(asked) == made


def test_a_second_annotate_sees_what_the_first_wrote() -> None:
    report = rewriter.rewrite(BERT, passes=[Annotate(), Annotate()], numbers=False)
    assert [record.changes["nodes annotated"] for record in report.passes] == [83, 0]
    graph = rewriter.load(report.analysis.model).graph
    first = Annotate().run(rewriter.load(BERT)).analysis
    assert first is not None
    assert first.graph.metadata_keys == graph.metadata_keys


def test_a_pass_has_to_say_what_it_requires_and_preserves() -> None:
    @dataclass(frozen=True)
    class Mine:
        name: ClassVar[str] = "mine"
        requires: ClassVar[frozenset[Part]] = frozenset()

        def run(self, analysis: Analysis) -> Outcome:
            return Outcome({})

    with pytest.raises(UsageError, match=r"pass 'mine' has no preserves, a frozenset of rewriter\.Part"):
        rewriter.rewrite(chain("/a/Relu"), passes=[Mine()], numbers=False)  # type: ignore[list-item]
