"""Modules replaced by nodes of one operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from onnx import AttributeProto, FunctionProto, ModelProto, NodeProto, TypeProto, helper

from rewriter.basics.display import Display, counted
from rewriter.edits.operator_name import PROVISIONAL, OperatorName
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.graph import nodes_within
from rewriter.modules.analysis import Analysis
from rewriter.passes.functions.function_names import import_domains
from rewriter.passes.functions.provenance import may_have_kernel
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


@dataclass(frozen=True, slots=True)
class Formal:
    """Formal input or output of an operator.

    Attributes:
        name: its name in the function; of a parameter, the name in the module.
        is_stored: whether it is a stored tensor of the model, at every node.
        type: its type, if the model states the same type at every node; else None.
    """

    name: str
    is_stored: bool
    type: TypeProto | None


@dataclass(frozen=True, slots=True, repr=False)
class Replacement(Display):
    """Modules of a model, replaced by nodes of one operator.

    Attributes:
        analysis: the model before, with functions inlined; but its `model` is the result.
        opsets: domain -> version, of the imports of the model before.
        initializers: number of initializers of the model before.
        operator: the operator.
        function: the function of the operator.
        nodes: the nodes of the operator; those of the main graph in its order, then those in bodies.
        refusals: nodes of the modules that stay outside of the operator, and names that `flatten` cannot
            restore.
        verification: the verification of the result against the model, with the body of the function.
        ran: what onnxruntime ran for the operator; None if the result was not loaded.
        kernel: the comparison of the result, run by the kernel, with the model; None if no kernel ran.
        outputs: the written files, the model last.
        removed: removed files: the sidecar and data copies of a model that the output replaced.
    """

    analysis: Analysis
    opsets: Mapping[str, int]
    initializers: int
    operator: OperatorName
    function: FunctionProto
    nodes: tuple[NodeProto, ...]
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
    def modules(self) -> dict[ModulePath, int]:
        """The replaced modules, each with the number of its calls."""
        return dict(Counter(ModulePath(metadata.get(node, tags.MODULE) or "") for node in self.nodes))

    @property
    def inputs(self) -> list[Formal]:
        """The inputs of the operator: activations, then parameters, then other stored tensors."""
        return self._formals(self.function.input, [list(node.input) for node in self.nodes])

    @property
    def results(self) -> list[Formal]:
        """The outputs of the operator."""
        return self._formals(self.function.output, [list(node.output) for node in self.nodes])

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of the operator, each with ONNX's name of its type, in lower case."""
        types = {each.name: each.type for each in self.nodes[0].attribute}
        return {name: AttributeProto.AttributeType.Name(number).lower() for name, number in types.items()}

    def _formals(self, names: Iterable[str], actuals: Sequence[Sequence[str]]) -> list[Formal]:
        stored = _stored_types(self.model)
        known = _stated_types(self.model) | stored
        found = []
        for position, name in enumerate(names):
            given = [each[position] for each in actuals]
            types = [known.get(actual) for actual in given]
            same = all(each == types[0] for each in types)
            found.append(Formal(name, all(actual in stored for actual in given), types[0] if same else None))
        return found

    def _brief(self) -> str:
        return f"{self.operator}, {counted(len(self.nodes), 'node')}, {self.verification.verdict}"


def _stored_types(model: ModelProto) -> dict[str, TypeProto]:
    """Map each initializer of the main graph, and each Identity of one, to its type."""
    found: dict[str, TypeProto] = {
        tensor.name: helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
        for tensor in model.graph.initializer
    }
    for node in model.graph.node:
        if node.op_type == "Identity" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found


def _stated_types(model: ModelProto) -> dict[str, TypeProto]:
    """Map each value of the main graph whose type the file states to this type."""
    graph = model.graph
    return {info.name: info.type for info in (*graph.input, *graph.value_info, *graph.output)}


def nodes_of(model: ModelProto, operator: OperatorName) -> tuple[NodeProto, ...]:
    """Return the nodes of an operator: those of the main graph in its order, then those in bodies."""
    inside = [inner for node in model.graph.node for inner in nodes_within([node]) if inner is not node]
    every = (*model.graph.node, *inside)
    return tuple(node for node in every if (node.domain, node.op_type) == (operator.domain, operator.name))


def function_of(model: ModelProto, operator: OperatorName) -> FunctionProto:
    """Return the function of an operator in a model that has one."""
    names = operator.domain, operator.name
    return next(each for each in model.functions if (each.domain, each.name) == names)


def rename_function(model: ModelProto, function: FunctionProto, domain: str, name: str) -> None:
    """Give a function of a model, and its calls, another domain and name, in place."""
    old = (function.domain, function.name)
    function.domain, function.name = domain, name
    inside = [node for each in model.functions for node in each.node]
    for node in nodes_within([*model.graph.node, *inside]):
        if (node.domain, node.op_type) == old:
            node.domain, node.op_type = domain, name
    import_domains(model, {domain})


def with_entered_bodies(model: ModelProto) -> tuple[ModelProto, tuple[str, ...]]:
    """Return a model with names for the functions of `replace` that no runtime has, and remarks on them.

    The result is a copy if a function was renamed, else the model itself.
    """
    if not any(map(may_have_kernel, model.functions)):
        return model, ()
    copy = ModelProto()
    copy.CopyFrom(model)
    remarks = []
    for number, function in enumerate(copy.functions):
        if may_have_kernel(function):
            remarks.append(f"{function.domain}:{function.name} counts as the body of its function")
            rename_function(copy, function, PROVISIONAL, f"Replaced_{number}")
    return copy, tuple(remarks)
