"""Compares a module of one model with its counterpart in another, without running them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto

from rewriter.insight.comparison.attribute_text import attribute_text, attributes_of, tensor_text
from rewriter.model.index.graph import NONE
from rewriter.model.operator_set.operators import canonical, versions_of
from rewriter.model.tensors import array_of, is_external
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module, Parameter
from rewriter.proof.attributes import constant_tensor
from rewriter.proof.contents import Contents
from rewriter.proof.scope import Unprovable
from rewriter.runtime.compare.tolerance import distance


class Aspect(StrEnum):
    """Kind of change in a module."""

    CLASS = "class"
    CALLS = "calls"
    OPERATOR = "operator"
    ATTRIBUTE = "attribute"
    CONSTANT = "constant"
    PARAMETER = "parameter"
    UNREAD = "unread"
    """A parameter of equal type and shape whose values cannot be read, so they may be equal or not."""


class Change(NamedTuple):
    """One difference between the models.

    Attributes:
        aspect: the kind of change.
        name: the operator (`MatMul`), operator and attribute (`Softmax.axis`), operator and input
            (`Mul[1]`; `output[0]` for a constant that is an output of the model) or parameter (`weight`);
            `class` or `calls` for these aspects.
        before: the class, the number of calls, the number of nodes with the operator, the value of the
            attribute or constant, or the type and shape of the parameter in the first model; None if absent.
        after: the same in the second model.
        max_abs: the largest difference of elements, for parameters of the same type and shape whose values
            differ; None if unknown.
        relative: `max_abs` divided by the largest magnitude in the first model, see `distance`.
    """

    aspect: Aspect
    name: str
    before: str | None
    after: str | None
    max_abs: float | None = None
    relative: float | None = None


@dataclass(slots=True)
class Side:
    """One of the models, with digests of its parameters, each computed on first use."""

    analysis: Analysis
    contents: Contents = field(default_factory=lambda: Contents(by_content=True))
    opsets: dict[str, int] = field(init=False)
    tensors: dict[str, TensorProto] = field(init=False)
    named: frozenset[str] = field(init=False)
    digests: dict[tuple[object, ...], object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index the initializers of all bodies by name, and collect the names of parameters."""
        model = self.analysis.model
        self.opsets = versions_of(model.opset_import)
        self.tensors = {tensor.name: tensor for tensor in self.analysis.graph.initializers.values()}
        self.named = frozenset(each.initializer for m in self.analysis.tree for each in m.parameters)

    def nodes_of(self, module: Module) -> tuple[int, ...]:
        """Return a module's own nodes; for the root, unplaced nodes too."""
        if module.path:
            return module.nodes
        places = self.analysis.tree.placements
        return tuple(node for node, place in enumerate(places) if place is None or not place.module)

    @property
    def folder(self) -> Path | None:
        """The folder of external data; None for a model in memory."""
        return self.analysis.path.parent.resolve() if self.analysis.path else None

    def content(self, parameter: Parameter) -> object:
        """Return a digest of a parameter in PyTorch's layout; None if its data cannot be read.

        Parameters of equal type, shape and bytes have equal digests, also in different models. There are two
        exceptions, in which equal values may have different digests: elements of less than a byte, and
        tensors whose bytes cannot be derived from their fields. External data of a model in memory cannot be
        read: its folder is not known.
        """
        key = (parameter.initializer, parameter.transposed, parameter.part)
        if key not in self.digests:
            self.digests[key] = self._digest(parameter)
        return self.digests[key]

    def array(self, parameter: Parameter) -> npt.NDArray[Any] | None:
        """Return the values of a parameter in PyTorch's layout; None if they cannot be read."""
        tensor = self.tensors.get(parameter.initializer)
        array = array_of(tensor, self.folder) if tensor is not None else None
        part = parameter.part
        while array is not None and part is not None:
            array, part = array.take(np.arange(part.start, part.stop), axis=part.axis), part.inner
        return array.T if array is not None and parameter.transposed else array

    def _digest(self, parameter: Parameter) -> object:
        tensor = self.tensors.get(parameter.initializer)
        if tensor is None:  # an input of a file that was exported without weights
            return None
        if is_external(tensor) and self.folder is None:
            return None
        if not parameter.transposed and parameter.part is None:
            try:
                return self.contents.key(tensor, self.folder)
            except Unprovable:
                return None
        array = self.array(parameter)
        if array is None:
            return None
        data = np.ascontiguousarray(array).tobytes()
        return (tensor.data_type, array.shape, "bytes", hashlib.blake2b(data, digest_size=32).digest())


def changes_between(left: Side, one: Module, right: Side, other: Module) -> tuple[Change, ...]:
    """Return the differences of each `Aspect` between two modules, without those of their submodules.

    The connections of nodes are not compared, nor classes and numbers of calls that are unknown in a model.
    """
    found = []
    if one.class_name and other.class_name and one.class_name != other.class_name:
        found.append(Change(Aspect.CLASS, "class", one.class_name, other.class_name))
    if one.path and one.calls and other.calls and one.calls != other.calls:
        found.append(Change(Aspect.CALLS, "calls", str(one.calls), str(other.calls)))
    ours, theirs = _nodes(left, one), _nodes(right, other)
    found.extend(_operators(ours, theirs))
    found.extend(_attributes(left, ours, right, theirs))
    found.extend(_constants(left, one, right, other))
    found.extend(_parameters(left, one, right, other))
    return tuple(found)


def _nodes(side: Side, module: Module) -> dict[str, list[NodeProto]]:
    """Return operator -> nodes of a module, in file order, without constants: `_constants` compares them."""
    found: dict[str, list[NodeProto]] = {}
    for node in side.nodes_of(module):
        proto = side.analysis.graph.nodes[node]
        if proto.op_type != "Constant":
            found.setdefault(_operator(proto), []).append(proto)
    return found


def _operator(node: NodeProto) -> str:
    domain = canonical(node.domain)
    return f"{domain}:{node.op_type}" if domain else str(node.op_type)


def _operators(ours: dict[str, list[NodeProto]], theirs: dict[str, list[NodeProto]]) -> Iterator[Change]:
    for name in dict.fromkeys((*ours, *theirs)):
        before, after = len(ours.get(name, ())), len(theirs.get(name, ()))
        if before != after:
            yield Change(
                Aspect.OPERATOR, name, str(before) if before else None, str(after) if after else None
            )


def _attributes(
    left: Side, ours: dict[str, list[NodeProto]], right: Side, theirs: dict[str, list[NodeProto]]
) -> Iterator[Change]:
    """Yield differences of attributes, for operators that both modules use equally often.

    The nodes of an operator are paired in file order.
    """
    for name, nodes in ours.items():
        if len(nodes) != len(theirs.get(name, ())):
            continue
        before = [attributes_of(node, left.opsets) for node in nodes]
        after = [attributes_of(node, right.opsets) for node in theirs[name]]
        if _counted(before) == _counted(after):  # equal except for the order in the file
            continue
        seen = set()
        for one, other in zip(before, after, strict=True):
            for key in dict.fromkeys((*one, *other)):
                change = Change(Aspect.ATTRIBUTE, f"{name}.{key}", one.get(key), other.get(key))
                if change.before != change.after and change not in seen:
                    seen.add(change)
                    yield change


def _counted(attributes: list[dict[str, str]]) -> Counter[tuple[tuple[str, str], ...]]:
    return Counter(tuple(sorted(each.items())) for each in attributes)


def _constants(left: Side, one: Module, right: Side, other: Module) -> Iterator[Change]:
    """Yield differences of constants, by the operator and input that read them.

    An operator that only one module has is skipped, since it is already reported as a changed operator.
    """
    ours, theirs = _read_constants(left, one), _read_constants(right, other)
    for name in dict.fromkeys((*ours, *theirs)):
        before, after = ours.get(name, Counter()), theirs.get(name, Counter())
        gone, new = list((before - after).elements()), list((after - before).elements())
        if name.partition("[")[0] not in _shared(left, one, right, other):
            continue
        pairs = dict.fromkeys(
            (gone[at] if at < len(gone) else None, new[at] if at < len(new) else None)
            for at in range(max(len(gone), len(new)))
        )
        yield from (Change(Aspect.CONSTANT, name, was, now) for was, now in pairs)


def _shared(left: Side, one: Module, right: Side, other: Module) -> set[str]:
    return {_OUTPUT, *(_nodes(left, one).keys() & _nodes(right, other).keys())}


_OUTPUT = "output"
"""Stands for the operator where an output of the model is a constant."""


def _read_constants(side: Side, module: Module) -> dict[str, Counter[str]]:
    """Return operator and input -> the constants read there; for the root, also those that are outputs.

    Constants are results of Constant nodes, and initializers that are no parameters.
    """
    graph = side.analysis.graph
    readers = [(_operator(graph.nodes[node]), graph.reads[node]) for node in side.nodes_of(module)]
    if not module.path:
        readers.append((_OUTPUT, graph.bodies[0].results))
    found: dict[str, Counter[str]] = {}
    for operator, values in readers:
        for slot, value in enumerate(values):
            text = None if value == NONE else _constant(side, value)
            if text is not None:
                found.setdefault(f"{operator}[{slot}]", Counter())[text] += 1
    return found


def _constant(side: Side, value: int) -> str | None:
    """Return a constant as text; None for a parameter and for a value that is no constant."""
    graph = side.analysis.graph
    if (tensor := graph.initializers.get(value)) is not None:
        return None if tensor.name in side.named else tensor_text(tensor, side.folder)
    if (maker := graph.producer[value]) != NONE and graph.nodes[maker].op_type == "Constant":
        attributes = graph.nodes[maker].attribute
        held = constant_tensor(attributes[0].name, attributes[0]) if len(attributes) == 1 else None
        if held is not None:
            return tensor_text(held, side.folder)
        return ", ".join(attribute_text(each, side.folder) for each in attributes)
    return None


def _parameters(left: Side, one: Module, right: Side, other: Module) -> Iterator[Change]:
    ours = {each.name: each for each in one.parameters}
    theirs = {each.name: each for each in other.parameters}
    for name in dict.fromkeys((*ours, *theirs)):
        was, now = ours.get(name), theirs.get(name)
        before, after = _described(was), _described(now)
        if was is None or now is None or before != after:
            yield Change(Aspect.PARAMETER, name, before, after)
            continue
        content, other_content = left.content(was), right.content(now)
        if content is None or other_content is None:
            yield Change(Aspect.UNREAD, name, before, after)
        elif content != other_content:
            array, another = left.array(was), right.array(now)
            apart: tuple[float | None, float | None] = (None, None)
            if array is not None and another is not None and array.dtype.kind in "fiubV":
                far = distance(np.ascontiguousarray(array), np.ascontiguousarray(another))
                apart = (far.max_abs, far.relative)
            yield Change(Aspect.PARAMETER, name, before, after, *apart)


def _described(parameter: Parameter | None) -> str | None:
    if parameter is None:
        return None
    shape = parameter.shape[::-1] if parameter.transposed else parameter.shape
    return f"{parameter.dtype} {tuple(shape)}"
