"""Edits of a file with functions of `rewrite` say that these were inlined."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import onnx
import pytest

import rewriter
from rewriter.views.json import schema
from tests.build import model
from tests.cli.running import heard
from tests.edits.models import HEADS


@pytest.mark.parametrize(("verb", "module"), [("tap", "body"), ("drop", "head")])
@pytest.mark.parametrize("grouped", [False, True])
def test_inlined_functions_are_told(
    verb: str, module: str, grouped: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "m.onnx", tmp_path / "o.onnx"
    onnx.save(model(HEADS), source)
    if grouped:
        source = tmp_path / "grouped.onnx"
        rewriter.rewrite(tmp_path / "m.onnx", source, functions="call", numbers=False)
    asked = (verb, source, module, "-o", out, "--no-numbers")
    code, said, _ = heard(capsys, *asked)
    assert (code, "functions that rewrite or replace had made were inlined" in said) == (0, grouped)
    report = json.loads(heard(capsys, *asked, "--json")[1])
    jsonschema.Draft202012Validator(schema(verb)).validate(report)
    assert report["flattened"] is grouped
