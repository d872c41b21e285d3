"""The words that types tell are those that the options take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

import rewriter
from rewriter.basics import literals
from rewriter.errors import UsageError
from rewriter.modules.selection import KINDS
from rewriter.options.words import FORMS, MEASURES, Functions, Measure, NamedKind
from tests.exports import EXPORTS


@pytest.mark.parametrize(
    ("literal", "words"),
    [
        (literals.FunctionsWord, list(Functions)),
        (literals.KindWord, KINDS),
        (literals.WhatWord, list(NamedKind)),
        (literals.FormWord, FORMS),
        (literals.WeightWord, list(Measure)),
        (literals.MeasureWord, ["", *MEASURES]),
    ],
)
def test_words_are_those_of_the_options(literal: Any, words: list[str]) -> None:
    assert sorted(get_args(literal)) == sorted(map(str, words))


def test_other_words_are_refused_with_the_nearest() -> None:
    model: Any = rewriter.open(EXPORTS / "bert" / "dy.onnx")
    pooler = model.select("model.pooler")
    asked: list[tuple[Callable[[], object], str]] = [
        (lambda: model.select(what="node"), "no value fits 'node'; nearest: nodes"),
        (lambda: model.select(kind="torchnn"), "nearest: torch.nn"),
        (lambda: pooler.text("ort_quant"), "no form fits 'ort_quant'; nearest: ort-quant"),
        (lambda: pooler.text("trt", "fp61"), "no precision fits 'fp61'; nearest: fp16"),
        (lambda: model.export("model_explorer"), "no format fits 'model_explorer'; nearest: model-explorer"),
        (lambda: model.export("speedscope", weight="flop"), "no weight fits 'flop'; nearest: flops"),
        (lambda: model.report(by="flop"), "no measure fits 'flop'; nearest: flops"),
        (lambda: model.rewrite(functions="shard"), "no kind of functions fits 'shard'; nearest: shared"),
    ]
    for ask, said in asked:
        with pytest.raises(UsageError) as raised:
            ask()
        assert said in str(raised.value)


SCRIPT = """
import rewriter

model = rewriter.open("bert.onnx")
tree = model.tree
layer: rewriter.Module = tree["encoder.layer.0"]
size: int = layer.params + layer.bytes
flops: int | None = layer.flops
names: tuple[str, ...] = layer.node_names + layer.outputs
report: rewriter.Rewritten = model.rewrite("out.onnx", functions="shared", only="encoder.**")
verdict: rewriter.Verdict = report.verification.verdict
chosen = model.select("encoder", kind="torch.nn", what="values")
text: str = chosen.text("trt", "fp16")
exported: rewriter.Export = model.export("dot")
explained: rewriter.Explanation = model.explain("node", )
stats: rewriter.Stats = model.stats({"batch": 1})
found: rewriter.Diff = model.diff("other.onnx")
pieces: rewriter.Split = model.split("encoder.layer.1")
page: str = model.report(by="nodes").html
placing: dict[str, str] = model.place("encoder.*=cpu").settings
passes: tuple[type[rewriter.Pass], ...] = rewriter.known_passes().passes
"""
WRONG = {
    'rewriter.open("m").rewrite(functions="shard")': "arg-type",
    'rewriter.open("m").select(what="node")': "arg-type",
    'rewriter.open("m").export("dots")': "arg-type",
    'rewriter.open("m").report(by="flop")': "arg-type",
}


@pytest.mark.thorough
def test_a_script_of_a_user_is_typed(tmp_path: Path) -> None:
    api = pytest.importorskip("mypy.api", reason="mypy is not installed")
    script = tmp_path / "script.py"

    def faults(text: str) -> list[str]:
        script.write_text(text)
        # As of an installed package, only what is in the script is told.
        options = ["--strict", "--config-file=", "--follow-imports=silent", "--no-error-summary"]
        out, errors, _ = api.run([*options, str(script)])
        assert not errors
        return [line.rpartition("[")[2].rstrip("]") for line in out.splitlines()]

    assert faults(SCRIPT) == []
    assert faults("import rewriter\n" + "\n".join(WRONG)) == list(WRONG.values())
