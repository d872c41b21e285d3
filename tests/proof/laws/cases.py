"""Pairs of models in ONNX text that one law proves equal, and pairs like them that no law may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import onnx
from onnx import ModelProto, parser

from rewriter.runtime.infer import constant_task
from rewriter.runtime.infer.constants import Values
from rewriter.verdict.laws import Kept, LawProof, prove_by_laws

HEAD = '<ir_version: 10, opset_import: ["" : {opset}]>\n'


@dataclass(frozen=True, slots=True)
class Case:
    """Two bodies of one graph.

    Attributes:
        head: inputs and outputs, as `(float[n] x) => (float[m] y)`.
        before: the nodes of the first model.
        after: the nodes of the second.
        opset: the version of ONNX's operators; that of the second model is `other`, if it is not 0.
    """

    head: str
    before: str
    after: str
    opset: int = 17
    other: int = 0

    @property
    def models(self) -> tuple[ModelProto, ModelProto]:
        """The two models."""
        opsets = self.opset, self.other or self.opset
        texts = (self.before, self.after)
        return tuple(  # type: ignore[return-value]
            parser.parse_model(f"{HEAD.format(opset=opset)}g {self.head} {{ {nodes} }}")
            for opset, nodes in zip(opsets, texts, strict=True)
        )


def proof(before: ModelProto, after: ModelProto) -> LawProof:
    """Strength of the proof of two models by laws; constants are evaluated in this process."""
    return prove_by_laws(before, after, (None, None), laws="rounding", timeout=60, evaluate=evaluate)


def evaluate(model: ModelProto, *, timeout: float = 0) -> Mapping[str, Values]:
    """As `constants.evaluate`, without a child."""
    first = constant_task.by_onnxruntime(model)
    return constant_task.agreed(first, constant_task.by_reference(model, first))


def check(case: Case, law: str, kept: Kept) -> None:
    """Demand that a law proves a pair, in both directions, and that its models are valid."""
    for model in case.models:
        onnx.checker.check_model(model)
    for pair in (case.models, case.models[::-1]):
        found = proof(*pair)
        assert found.kept is kept, found
        assert law in found.laws, found


def refuse(case: Case) -> None:
    """Demand that no law proves a pair."""
    assert proof(*case.models).kept is Kept.NOTHING
