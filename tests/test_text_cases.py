"""Before and after, as text: every case in fixtures/text is rewritten with all standard passes.

ONNX text drops the metadata of nodes and tensors, so what `annotate` writes is compared with the placements
of expected.toml. `python -m tests.test_text_cases <case>` prints what a new case rewrites to.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import onnx.parser
import onnx.printer
import pytest

from rewriter import pipeline
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.passes.registry.presets import standard_passes
from rewriter.paths import ROOT
from rewriter.views.rewrite_report import Report

TEXT = Path(__file__).resolve().parent.parent / "fixtures" / "text"
CASES = sorted(path for path in TEXT.iterdir() if path.is_dir())
OPTIONS = pipeline.Options(passes=standard_passes(restore_names=True), numbers=False)


@dataclass(frozen=True)
class Expected:
    """The facts of one case; nodes go by their name in before.onnxtxt, unnamed ones by their first output.

    Attributes:
        why: what the case is about.
        placed: node -> module, for every node that is placed; '' is the root.
        unplaced: all other nodes.
        call: node -> call, where it is not the first.
        evidence: node -> the source that won, for the nodes the case is about.
        conflicting: node -> modules that other witnesses name, for every conflict.
        parameters: parameter -> its initializer, for every parameter of the tree.
        transposed: the parameters that are stored transposed.
        shared: parameter -> the modules that borrow it, where any does.
        renamed: initializer -> its new name, for every weight renamed.
        refusal: [module, name of the reason, witness], in order.
    """

    why: str
    placed: dict[str, str] = field(default_factory=dict)
    unplaced: list[str] = field(default_factory=list)
    call: dict[str, int] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    conflicting: dict[str, list[str]] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    transposed: list[str] = field(default_factory=list)
    shared: dict[str, list[str]] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    refusal: list[list[str]] = field(default_factory=list)


def read(case: Path) -> tuple[onnx.ModelProto, Expected]:
    model = onnx.parser.parse_model((case / "before.onnxtxt").read_text())
    return model, Expected(**tomllib.loads((case / "expected.toml").read_text()))


def rewrite(model: onnx.ModelProto) -> Report:
    return pipeline.rewrite(model, None, OPTIONS)


def text_of(model: onnx.ModelProto) -> str:
    return str(onnx.printer.to_text(model)).rstrip() + "\n"


def key(node: onnx.NodeProto) -> str:
    return node.name or node.output[0]


def facts(why: str, analysis: Analysis, report: Report) -> Expected:
    """What was found, in the form in which it is expected."""
    tree = analysis.tree
    nodes = [key(node) for node in analysis.graph.nodes]
    assert len({*nodes}) == len(nodes), "the nodes of a case need names that tell them apart"
    placed = {name: place for name, place in zip(nodes, tree.placements, strict=True) if place}
    parameters = {module.path.child(p.name): p for module in tree for p in module.parameters}
    return Expected(
        why,
        {name: str(place.module) for name, place in placed.items()},
        [name for name in nodes if name not in placed],
        {name: place.call for name, place in placed.items() if place.call},
        {name: str(place.source) for name, place in placed.items()},
        {name: [*map(str, place.conflicting)] for name, place in placed.items() if place.conflicting},
        {str(name): p.initializer for name, p in parameters.items()},
        [str(name) for name, p in parameters.items() if p.transposed],
        {str(name): [*map(str, p.shared_with)] for name, p in parameters.items() if p.shared_with},
        dict(renamed(report.analysis.model)),
        [[str(r.module), r.reason.name, r.witness] for r in report.refusals],
    )


def renamed(model: onnx.ModelProto) -> Iterator[tuple[str, str]]:
    for tensor in GraphIndex(model).initializers.values():
        if original := metadata.read(tensor).get(tags.ORIGINAL_NAME):
            yield original, tensor.name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rewrite(case: Path) -> None:
    model, expected = read(case)
    analysis = pipeline.load(model)
    report = rewrite(model)
    found = facts(expected.why, analysis, report)
    assert expected.why.endswith(".")
    assert set(expected.evidence) <= set(found.evidence)
    assert {**found.evidence, **expected.evidence} == found.evidence
    for name in Expected.__dataclass_fields__.keys() - {"evidence"}:
        assert getattr(found, name) == getattr(expected, name), name
    assert text_of(report.analysis.model) == (case / "after.onnxtxt").read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_metadata_says_what_the_tree_says(case: Path) -> None:
    model, expected = read(case)
    written = rewrite(model).analysis.model
    for before, after in zip(GraphIndex(model).nodes, GraphIndex(written).nodes, strict=True):
        entries = metadata.read(after)
        module = expected.placed.get(key(before))
        assert entries.get(tags.MODULE) == module
        if module is not None:
            assert entries[tags.CALL] == str(expected.call.get(key(before), 0))
            assert entries[tags.DEPTH] == str(len(module.split(".")) if module else 0)
        assert entries.get(tags.ORIGINAL_NAME) == (before.name if before.name != after.name else None)
    assert (tags.TREE in metadata.read(written)) == bool(expected.placed)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_result_runs_and_computes_the_same(case: Path) -> None:
    model, _ = read(case)
    onnx.checker.check_model(model, full_check=True)
    report = pipeline.rewrite(model, None, pipeline.Options(OPTIONS.passes, numbers=True))
    onnx.checker.check_model(report.analysis.model, full_check=True)
    assert report.verification.certificate.equal
    assert report.verification.numeric is not None
    assert report.verification.numeric.skipped is None
    assert report.verification.numeric.exact


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_second_run_changes_nothing(case: Path) -> None:
    model, _ = read(case)
    once = rewrite(model).analysis.model
    assert rewrite(once).analysis.model.SerializeToString(deterministic=True) == once.SerializeToString(
        deterministic=True
    )


def test_the_first_case_has_no_hierarchy() -> None:
    model, expected = read(TEXT / "00_no_hierarchy")
    report = rewrite(model)
    assert not expected.placed
    assert report.analysis.tree.root.path == ROOT
    assert report.analysis.model.SerializeToString() == model.SerializeToString()


def main(case: Path) -> None:
    """Write after.onnxtxt and print the facts found, for a person to judge."""
    model = onnx.parser.parse_model((case / "before.onnxtxt").read_text())
    report = rewrite(model)
    (case / "after.onnxtxt").write_text(text_of(report.analysis.model))
    for name, fact in vars(facts("", pipeline.load(model), report)).items():
        print(f"{name}: {fact}")


if __name__ == "__main__":
    main(TEXT / sys.argv[1])
