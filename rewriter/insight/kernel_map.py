"""Maps kernels of onnxruntime to the nodes of the model that they compute.

An unchanged kernel has the name of its node. A fused, split or moved kernel is located by its inputs and
outputs: they are values of the original model, or connect to such values through kernels that onnxruntime
inserted. The kernel computes the nodes on the paths between these inputs and outputs; a path ends at a
constant, or at a value that another kernel computes. A kernel that is not located in this way, or that is not
in the optimised graph, is mapped by its name alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from onnx import ModelProto, NodeProto

from rewriter.evidence.names.derived_names import node_named_by, value_named_by
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.operators import canonical

_INLINED = "_inlfunc_"
_BLOCKED = "_nchwc"
"""Suffix of kernels in onnxruntime's blocked layout NCHWc; the rest of the name is the name of the result."""
_CONVOLUTION_INPUTS = 3
_FARTHEST = 64
"""Number of inserted kernels, or of fused nodes, after which a search stops; no real model has so many."""


class KernelMap:
    """Map from the kernels of a run to the nodes that they compute.

    Args:
        graph: the model.
        names: node -> its name in the model that onnxruntime read; nodes may be renamed before a run.
        kernels: the names of all kernels.
        optimised: the graph that onnxruntime runs; None if unknown.
    """

    def __init__(
        self,
        graph: GraphIndex,
        names: Sequence[str],
        kernels: Sequence[str],
        optimised: ModelProto | None,
    ) -> None:
        self.graph = graph
        self.by_name = _unique(names)
        self.inlined = {kernels[at]: node for at, node in _inlined(kernels, self.by_name).items()}
        self.values = _unique(graph.value_names)
        self.kernels = GraphIndex(optimised) if optimised is not None else None
        self.places = _unique(str(node.name) for node in self.kernels.nodes) if self.kernels else {}
        self.computed = self._values_of() if self.kernels else {}
        self.run = {self.computed[place]: place for place in self.computed if self._runs(place)}

    def nodes(self, name: str, op_type: str) -> tuple[int, ...]:
        """Return the nodes that a kernel computes, in file order; none if unknown.

        Args:
            name: the name of the kernel.
            op_type: its operator.
        """
        kernel = self.places.get(name, NONE)
        known = self.kernels is not None and kernel != NONE
        if known and self.kernels is not None and self.kernels.nodes[kernel].op_type == op_type:
            if self._untouched(name, kernel):
                return (self.by_name[name],)
            between = self._between(kernel)
            if between:
                return between
        return self._named(name)

    def _untouched(self, name: str, kernel: int) -> bool:
        """Whether a kernel has the same name, operator, inputs and outputs as a node."""
        node = self.by_name.get(name, NONE)
        assert self.kernels is not None
        ours, theirs = (self.graph.nodes[node], self.kernels.nodes[kernel]) if node != NONE else (None, None)
        return (
            ours is not None
            and theirs is not None
            and ours.op_type == theirs.op_type
            and canonical(ours.domain) == canonical(theirs.domain)
            and list(ours.output) == list(theirs.output)
            and list(ours.input) == list(theirs.input)
        )

    def _named(self, name: str) -> tuple[int, ...]:
        """Return the node from whose name, or result, the name of a kernel is derived; none if unknown."""
        for wanted in (name, node_named_by(name)):
            if wanted in self.by_name:
                return (self.by_name[wanted],)
        if name in self.inlined:
            return (self.inlined[name],)
        value = self.values.get(value_named_by(name.removesuffix(_BLOCKED)), NONE)
        maker = self.graph.producer[value] if value != NONE else NONE
        return (maker,) if maker != NONE else ()

    def _values_of(self) -> dict[int, int]:
        """Return value of the optimised graph -> the same value of the model, possibly in another layout.

        Values are matched by name, in inlined functions by their inner name. If onnxruntime renamed a result,
        its kernel may still be named after the node, or `<value>_nchwc`.
        """
        assert self.kernels is not None
        kernels = self.kernels
        found = {
            place: self.values[name] for place, name in enumerate(kernels.value_names) if name in self.values
        }
        found.update(_inlined(kernels.value_names, self.values))
        for kernel, proto in enumerate(kernels.nodes):
            written = kernels.writes[kernel]
            if len(written) == 1 and written[0] not in found:
                name = str(proto.name)
                node = self.by_name.get(name, NONE)
                if node != NONE and self.graph.nodes[node].op_type == proto.op_type:
                    found[written[0]] = self.graph.writes[node][0]
                elif name.endswith(_BLOCKED) and (base := name.removesuffix(_BLOCKED)) in self.values:
                    found[written[0]] = self._fused_behind(proto, self.values[base])
        return found

    def _fused_behind(self, kernel: NodeProto, value: int) -> int:
        """Return the value of the model that a fused convolution computes.

        The kernel is named after the result of the convolution alone, but it may also compute an addition
        (its fourth input is the other summand) and an activation (its attribute `activation`).
        """
        wanted = ["Add", "Sum"] if len(kernel.input) > _CONVOLUTION_INPUTS and kernel.input[-1] else []
        named = [each.s.decode() for each in kernel.attribute if each.name == "activation"]
        maker = self.graph.producer[value]
        activations = [] if maker != NONE and self.graph.nodes[maker].op_type in named else named
        for operators in filter(None, (wanted, activations)):
            behind = [
                each for each in self.graph.readers[value] if self.graph.nodes[each].op_type in operators
            ]
            if len(behind) == 1:
                value = self.graph.writes[behind[0]][0]
        return value

    def _between(self, kernel: int) -> tuple[int, ...]:
        assert self.kernels is not None
        targets = self._known(kernel, forwards=True)
        if not targets:
            return ()
        sources = self._known(kernel, forwards=False)
        own_place = self.kernels.writes[kernel][0]
        own = set(self.kernels.writes[kernel])
        behind: set[int] = set()
        makers = {self.graph.producer[value] for value in targets} - {NONE}
        waiting = sorted(makers)
        while waiting and len(behind) <= _FARTHEST:
            node = waiting.pop()
            if node in behind:
                continue
            behind.add(node)
            for value in self.graph.reads[node]:
                maker = self.graph.producer[value] if value != NONE else NONE
                stops = value in sources or value in self.graph.constants
                if maker != NONE and not stops and self.run.get(value, own_place) in own:
                    waiting.append(maker)
        return self._fed(behind, sources, makers)

    def _fed(self, nodes: set[int], sources: set[int], makers: set[int]) -> tuple[int, ...]:
        """Return the producers of the outputs (`makers`), and the nodes that depend on a source.

        onnxruntime computed the other nodes before the run, since they depend on constants only.
        """
        fed: set[int] = set()
        live = set(sources)
        for node in sorted(nodes):
            if node in makers or not live.isdisjoint(self.graph.reads[node]):
                fed.add(node)
                live.update(value for value in self.graph.writes[node] if value != NONE)
        return tuple(sorted(fed))

    def _known(self, kernel: int, *, forwards: bool) -> set[int]:
        """Return the nearest values of the model after a kernel (`forwards`), or before it.

        Constants before a kernel are left out.
        """
        assert self.kernels is not None
        found: set[int] = set()
        seen: set[int] = set()
        waiting = [kernel]
        while waiting and len(seen) <= _FARTHEST:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            for value in self.kernels.writes[node] if forwards else self.kernels.reads[node]:
                if value == NONE:
                    continue
                if value in self.computed:
                    if self.computed[value] not in self.graph.constants or forwards:
                        found.add(self.computed[value])
                elif forwards:
                    waiting.extend(self.kernels.readers[value])
                elif self.kernels.producer[value] != NONE:
                    waiting.append(self.kernels.producer[value])
        return found

    def _runs(self, place: int) -> bool:
        """Whether a kernel computes this value of the optimised graph."""
        return self.kernels is not None and self.kernels.producer[place] != NONE


def _inlined(names: Sequence[str], known: Mapping[str, int]) -> dict[int, int]:
    """Return position of a name `_inlfunc_<function>_<inner name>` -> the object with the inner name.

    A function that is called several times repeats its inner names; repeated names are left out.
    """
    found: dict[int, int] = {}
    for place, name in enumerate(names):
        if isinstance(name, str) and name.startswith(_INLINED):  # onnxruntime's names are UTF-8, never bytes
            pieces = node_named_by(name).split("_")
            endings = ("_".join(pieces[at:]) for at in range(len(pieces)))
            told = next((known[each] for each in endings if each in known), NONE)
            if told != NONE:
                found[place] = told
    times = Counter(found.values())
    return {place: told for place, told in found.items() if times[told] == 1}


def _unique(names: Iterable[str]) -> dict[str, int]:
    """Return name -> its position, for names that occur once and are not empty."""
    found: dict[str, int] = {}
    twice: set[str] = set()
    for position, name in enumerate(names):
        if name in found:
            twice.add(name)
        elif name:
            found[name] = position
    return {name: position for name, position in found.items() if name not in twice}
