"""Nodes with conflicting evidence: which module won, and who names the others."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import onnx
import pytest

import rewriter
from rewriter.insight.conflicts import conflicts
from rewriter.views.json import schema
from tests.build import model
from tests.cli.running import heard

TEXT = """g (float[2,2] x) => (float[2,2] y)
<float[2,2] "a.fc.weight" = {1,2,3,4}>
{ ["/b/MatMul"] u = MatMul(x, "a.fc.weight") ["/a/Neg"] y = Neg(u) }"""


def test_the_witnesses_of_both_sides_are_named() -> None:
    analysis = rewriter.open(model(TEXT)).analysis
    (conflict,) = conflicts(analysis).found
    assert (conflict.node, conflict.placement.module, conflict.placement.source) == (0, "b", "scope_name")
    assert conflict.others == {"a.fc": ("parameter",)}
    assert repr(conflicts(analysis)) == "<Conflicts: 1 node with conflicting evidence>"


def test_only_nodes_inside_of_the_given_modules_are_listed() -> None:
    analysis = rewriter.open(model(TEXT)).analysis
    assert len(conflicts(analysis, [analysis.tree["b"]]).found) == 1
    assert conflicts(analysis, [analysis.tree["a"]]).found == ()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "m.onnx"
    onnx.save(model(TEXT), file)
    code, out, _ = heard(capsys, "tree", file, "--conflicts")
    assert (code, out.splitlines()) == (
        0,
        [
            "1 node with conflicting evidence",
            "",
            "/b/MatMul",
            "module    b by scope name (named)",
            "conflict  a.fc by parameter",
        ],
    )
    code, out, _ = heard(capsys, "tree", file, "--conflicts", "--json")
    document = json.loads(out)
    jsonschema.Draft202012Validator(schema("conflicts")).validate(document)
    assert code == 0
    assert document["conflicts"][0]["others"] == [{"module": "a.fc", "sources": ["parameter"]}]
    assert heard(capsys, "tree", file, "--conflicts", "--only", "a")[:2] == (0, "no conflicts\n")
