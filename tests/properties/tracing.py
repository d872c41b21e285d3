"""A tracer that writes models down as exporters do: scopes or metadata, equal nodes merged, aliases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from random import Random
from typing import Any, NamedTuple

from onnx import NodeProto, TensorProto, helper

from rewriter.evidence.metadata import tags

STYLES = ("scopes", "tags", "stacks")
"""How modules are told: in names as TorchScript does, by an earlier run, by a stack as dynamo does."""


class Place(NamedTuple):
    """One call of one module: which one, the names of the callers and its own, the scope made of them."""

    path: str
    call: int
    chain: str
    scope: str


@dataclass
class Tracer:
    """Writes down one model.

    Attributes:
        rng: decides everything; lower draws are plainer, so that hypothesis shrinks to plain models.
        style: one of STYLES.
        merging: whether nodes equal to an earlier one are left out.
        places: node -> its module; None for a node without any.
        stack: the calls around, with what each was given.
        results: value that leaves the graph besides the last -> its shape.
        foreign: functions of others that the model calls.
    """

    rng: Random
    style: str
    merging: bool
    nodes: list[NodeProto] = field(default_factory=list)
    places: list[Place | None] = field(default_factory=list)
    tensors: dict[str, TensorProto] = field(default_factory=dict)
    stack: list[tuple[Place, str]] = field(default_factory=lambda: [(Place("", 0, "", ""), "x")])
    results: dict[str, tuple[int, ...]] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    _equal: dict[bytes, list[str]] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)

    def chance(self, one_in: int) -> bool:
        """True once in so many times."""
        return self.rng.randrange(one_in) == one_in - 1

    @property
    def given(self) -> str:
        """What the innermost call was given."""
        return self.stack[-1][1]

    @contextmanager
    def call(self, name: str, given: str) -> Iterator[None]:
        """A call of a child of the innermost module; later ones have a counter behind the chain."""
        above = self.stack[-1][0]
        path = f"{above.path}.{name}" if above.path else name
        chain = f"{above.chain}/{name}" if above.chain else name
        times = self.count(f"scope {chain}")
        scope = f"{chain}_{times}" if times else chain
        self.stack.append((Place(path, self.count(f"call {path}"), chain, scope), given))
        yield
        self.stack.pop()

    def op(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """Write down a node of the innermost call; returns its output."""
        return self.ops(op_type, inputs, 1, **attributes)[0]

    def ops(
        self,
        op_type: str,
        inputs: Sequence[str],
        count: int,
        domain: str = "",
        left_out: int = 0,
        **attributes: Any,
    ) -> list[str]:
        """The same for a node with several outputs, some of them left out behind, or none of ONNX's own."""
        node = helper.make_node(op_type, inputs, [], domain=domain, **attributes)
        key = node.SerializeToString(deterministic=True)
        draws = op_type.startswith("Random") or (op_type == "Dropout" and len(inputs) > 2)
        if self.merging and not domain and not draws and key in self._equal:
            return self._equal[key]
        names = self._equal[key] = self.write(node, count, self.stack[-1][0])
        node.output.extend([""] * left_out)
        return names

    def write(self, node: NodeProto, count: int, place: Place | None) -> list[str]:
        """Write down a node as it is."""
        names = [f"v{self.count('value')}" for _ in range(count)]
        node.output.extend(names)
        self.nodes.append(node)
        self.places.append(place)
        return names

    def constant(self, value: float | list[int], element: int = TensorProto.FLOAT) -> str:
        """A Constant, or now and then an initializer without a module."""
        values = value if isinstance(value, list) else [value]
        tensor = helper.make_tensor("", element, [len(values)] if isinstance(value, list) else [], values)
        if not self.chance(6):
            return self.op("Constant", value=tensor)
        tensor.name = f"c{self.count('tensor')}"
        self.tensors[tensor.name] = tensor
        return tensor.name

    def weight(self, name: str, *dims: int) -> str:
        """A parameter of the innermost module; now and then another one under its name."""
        full = f"{self.stack[-1][0].path or 'top'}.{name}"
        if full in self.tensors or any(full in node.output for node in self.nodes):
            return full
        alike = [other for other, tensor in self.tensors.items() if tuple(tensor.dims) == dims]
        if alike and self.chance(5):
            self.nodes.append(helper.make_node("Identity", [self.rng.choice(alike)], [full]))
            self.places.append(None)
            return full
        values = [0.25 * (1 + self.rng.randrange(4)) for _ in range(prod(dims))]
        self.tensors[full] = helper.make_tensor(full, TensorProto.FLOAT, dims, values)
        return full

    def inner(self, base: str) -> str:
        """The name of a value inside a body; now and then one that other bodies use as well."""
        return base if self.chance(3) else f"{base}{self.count(base)}"

    def count(self, what: str) -> int:
        """How often this was asked before."""
        self._counts[what] += 1
        return self._counts[what] - 1

    def sign(self) -> None:
        """Give every node the name or the metadata that tell its module."""
        for node, place in zip(self.nodes, self.places, strict=True):
            if place is None:
                continue
            base = f"/{place.scope}/{node.op_type}".replace("//", "/") if self.style == "scopes" else "n"
            number = self.count(f"name {base}")
            node.name = f"{base}_{number}" if number else base
            for key, text in self._entries(node, place).items():
                node.metadata_props.add(key=key, value=text)

    def _entries(self, node: NodeProto, place: Place) -> dict[str, str]:
        if self.style == "tags":
            evidence = {tags.EVIDENCE: "exporter_metadata"}
            return {tags.MODULE: place.path, tags.CALL: str(place.call), **evidence}
        if self.style == "scopes":
            return {}
        names = place.chain.split("/") if place.chain else []
        modules = ["", *(".".join(names[: end + 1]) for end in range(len(names)))]
        classes = [f"pkg.{''.join(filter(str.isalpha, name)).title()}" for name in ("root", *names)]
        return {
            "pkg.torch.onnx.name_scopes": repr([*modules, node.op_type.lower()]),
            "pkg.torch.onnx.class_hierarchy": repr([*classes, f"aten.{node.op_type.lower()}"]),
        }
