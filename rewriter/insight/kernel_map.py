"""Maps kernels of onnxruntime to the nodes of the model that they compute.

An unchanged kernel has the name of its node. A fused, split or moved one stands
between values: those that it reads and those that it writes were values of the model before, or
lead to such values through kernels that onnxruntime inserted. The nodes between the inputs and the outputs
are the nodes of the kernel; a way never leads past a value that another kernel computes.
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
"""Suffixes of kernels that change the layout; the name begins with the value they write."""
_CONVOLUTION_INPUTS = 3
_FARTHEST = 64
"""Bound on chains of inserted kernels, and on nodes fused into one; real ones are shorter."""


class KernelMap:
    """Finds the nodes that kernels compute.

    Args:
        graph: the model.
        names: node -> its name when onnxruntime read it; the name in the file if that was not changed before.
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
        """The nodes that a kernel computes, in file order; none if unknown.

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
        """Whether a kernel is an unchanged node."""
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
        """The node named by a kernel's name, or by the value that the name is derived from."""
        for wanted in (name, node_named_by(name)):
            if wanted in self.by_name:
                return (self.by_name[wanted],)
        if name in self.inlined:
            return (self.inlined[name],)
        value = self.values.get(value_named_by(name.removesuffix(_BLOCKED)), NONE)
        maker = self.graph.producer[value] if value != NONE else NONE
        return (maker,) if maker != NONE else ()

    def _values_of(self) -> dict[int, int]:
        """Value of the optimised graph -> the corresponding value of the model, maybe in another layout.

        Names of values decide; if onnxruntime renamed a result, the name of its kernel may be that
        of a node, or `<value>_nchwc`.
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
        """The output of a convolution that keeps the name of its own result, but also adds and activates.

        A fourth input is added to the result; `activation` names the operator after that.
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
        """The nodes that depend on a source; precomputed ones do not."""
        fed: set[int] = set()
        live = set(sources)
        for node in sorted(nodes):
            if node in makers or not live.isdisjoint(self.graph.reads[node]):
                fed.add(node)
                live.update(value for value in self.graph.writes[node] if value != NONE)
        return tuple(sorted(fed))

    def _known(self, kernel: int, *, forwards: bool) -> set[int]:
        """The nearest values of the model that a kernel leads to, or that lead to it."""
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
        """Whether a kernel computes a value of the optimised graph."""
        return self.kernels is not None and self.kernels.producer[place] != NONE


def _inlined(names: Sequence[str], known: Mapping[str, int]) -> dict[int, int]:
    """Position of a name `_inlfunc_<function>_<name inside>` -> the object with the name inside.

    Calls of one function have the same names inside, which identify nothing then.
    """
    found: dict[int, int] = {}
    for place, name in enumerate(names):
        if isinstance(name, str) and name.startswith(_INLINED):  # bytes: not UTF-8, so not from onnxruntime
            pieces = node_named_by(name).split("_")
            endings = ("_".join(pieces[at:]) for at in range(len(pieces)))
            told = next((known[each] for each in endings if each in known), NONE)
            if told != NONE:
                found[place] = told
    times = Counter(found.values())
    return {place: told for place, told in found.items() if times[told] == 1}


def _unique(names: Iterable[str]) -> dict[str, int]:
    """Name -> its position, for names that occur once."""
    found: dict[str, int] = {}
    twice: set[str] = set()
    for position, name in enumerate(names):
        if name in found:
            twice.add(name)
        elif name:
            found[name] = position
    return {name: position for name, position in found.items() if name not in twice}
