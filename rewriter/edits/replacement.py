"""Modules replaced by nodes of one operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from onnx import FunctionProto, ModelProto

from rewriter.basics.display import Display, counted
from rewriter.edits.operator_name import OperatorName
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.graph import nodes_within
from rewriter.modules.analysis import Analysis
from rewriter.passes.functions.function_names import import_domains
from rewriter.paths import ModulePath
from rewriter.refusals import Refusal
from rewriter.verdict.numbers import Numeric
from rewriter.verdict.verification import Verification


class Ran(StrEnum):
    """The code that onnxruntime runs for a node of the operator."""

    BODY = "body"
    """The function of the model."""
    KERNEL = "kernel"
    """A kernel of onnxruntime; the function is ignored."""


@dataclass(frozen=True, slots=True, repr=False)
class Replacement(Display):
    """Modules of a model, replaced by nodes of one operator.

    Attributes:
        analysis: the model before, with functions inlined; but its `model` is the result.
        operator: the operator.
        function: the function of the operator.
        modules: module -> number of its calls; each is a node of the operator now.
        refusals: names that `flatten` cannot restore.
        verification: the verification of the result against the model, with the body of the function.
        ran: what onnxruntime ran for the operator; None if the result was not loaded.
        kernel: the comparison of the result, run by the kernel, with the model; None if no kernel ran.
        outputs: the written files, the model last.
        removed: removed files: the sidecar and data copies of a model that the output replaced.
    """

    analysis: Analysis
    operator: OperatorName
    function: FunctionProto
    modules: Mapping[ModulePath, int]
    refusals: tuple[Refusal, ...]
    verification: Verification
    ran: Ran | None
    kernel: Numeric | None = None
    outputs: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()

    @property
    def model(self) -> ModelProto:
        """The model with the operator."""
        return self.analysis.model

    @property
    def calls(self) -> int:
        """Number of nodes of the operator."""
        return sum(self.modules.values())

    def _brief(self) -> str:
        return f"{self.operator}, {counted(self.calls, 'node')}, {self.verification.verdict}"


def replaced_modules(model: ModelProto, operator: OperatorName) -> dict[ModulePath, int]:
    """Map each module that nodes of an operator replace to the number of these nodes, in order of the file."""
    found: dict[ModulePath, int] = {}
    for node in nodes_within(reversed(model.graph.node)):
        if (node.domain, node.op_type) == (operator.domain, operator.name):
            path = ModulePath(metadata.get(node, tags.MODULE) or "")
            found[path] = found.get(path, 0) + 1
    return found


def function_of(model: ModelProto, operator: OperatorName) -> FunctionProto:
    """Return the function of an operator in a model that has one."""
    names = operator.domain, operator.name
    return next(each for each in model.functions if (each.domain, each.name) == names)


def rename_operator(model: ModelProto, old: OperatorName, new: OperatorName) -> None:
    """Give the function of an operator, and its nodes, another name, in place."""
    function = function_of(model, old)
    function.domain, function.name = new.domain, new.name
    inside = [node for each in model.functions for node in each.node]
    for node in nodes_within([*model.graph.node, *inside]):
        if (node.domain, node.op_type) == (old.domain, old.name):
            node.domain, node.op_type = new.domain, new.name
    for position in reversed(range(len(model.opset_import))):
        if model.opset_import[position].domain == old.domain:
            del model.opset_import[position]
    import_domains(model, {new.domain})
