"""Maps nodes of a file that a tool wrote (the damaged file) to nodes of the original.

A node *is* an original node if both have the same operator, of the same domain, and write a value of the same
name or have the same name themselves. The other nodes form patches between values that are in both files; a
patch replaces the original nodes between the same values. Inside of a patch:

1. An original node and a new one correspond if they read the same initializer, or if the new one reads an
   initializer named after one that the original node reads (`W_quantized`). If as many new nodes read it as
   original ones, they correspond in file order. A list of 64-bit integers does not count: it is a shape. They
   also correspond if the new one is named after a value that the original one writes, and their operators are
   of one kind, or the new one is a convolution on a blocked layout.
2. A remaining original node was fused into the new node that corresponds to all its readers, if their
   operators are of one kind.
3. Of the rest, nodes with operators of one kind correspond if they write the same value, or if as many of the
   kind remain among the original nodes as among the new ones that write no value of the original.
4. A remaining original node was fused into the new node of a reader. If no reader has one, the node was fused
   into the new node that writes its value, else into that of a predecessor, else into the last of the patch.
5. A remaining new node that writes a value of the original stands for the producer of that value; any other
   stands for the same nodes as its readers, or else its producers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from onnx import TensorProto

from rewriter.evidence.names.derived_names import PRODUCTS
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.operators import canonical

_KINDS = {"Gemm": "MatMul", "FusedGemm": "MatMul", "FusedMatMul": "MatMul", "MatMulInteger": "MatMul"}
_KINDS |= {"FusedConv": "Conv", "ConvInteger": "Conv", "NhwcFusedConv": "Conv"}
_BLOCKED = "_nchwc"
"""onnxruntime names a convolution on a blocked layout after a value that it replaces, with this ending."""


def _operator(graph: GraphIndex, node: int) -> tuple[str, str]:
    domain, op_type = graph.operators[node]
    return canonical(domain), op_type


class Descent:
    """The correspondence of nodes of `damaged` with nodes of `original`.

    Attributes:
        origins: node of the damaged file -> the original nodes that it is or stands for, without `norms`.
        norms: product of the damaged file -> the original batch norm that the tool folded into it.
        same: node of the damaged file -> the original node that it is; NONE for a new one.
    """

    def __init__(self, original: GraphIndex, damaged: GraphIndex) -> None:
        self.original, self.damaged = original, damaged
        self._values: dict[str, int] = {}
        for value, name in enumerate(original.value_names):
            self._values.setdefault(name, value)
        self._nodes: dict[str, int] = {}
        for number, node in enumerate(original.nodes):
            self._nodes.setdefault(node.name, number)
        self.same = [self._same(node) for node in range(len(damaged.nodes))]
        self._kept = set(self.same) - {NONE}
        self._image = self._map_values()
        self._present = set(self._image) - {NONE}
        self.origins: list[set[int]] = [{same} - {NONE} for same in self.same]
        for patch in self._patches():
            _Patch(self, patch).assign()
        self.norms: dict[int, int] = {}
        for number, of_node in enumerate(self.origins):
            if (norm := self._folded_norm(number, of_node)) != NONE:
                self.norms[number] = norm
                of_node.discard(norm)

    def image(self, value: int) -> int:
        """Return the original value that a value of the damaged file is; NONE for a new one."""
        return self._image[value] if value != NONE else NONE

    def value_named(self, name: str) -> int:
        """Return the original value of a name; NONE without one."""
        return self._values.get(name, NONE) if name else NONE

    def is_kept(self, node: int) -> bool:
        """Whether an original node is in the damaged file."""
        return node in self._kept

    def is_present(self, value: int) -> bool:
        """Whether an original value is in the damaged file."""
        return value in self._present

    def _same(self, node: int) -> int:
        proto = self.damaged.nodes[node]
        makers = [self.original.producer[self._values[name]] for name in proto.output if name in self._values]
        named = self._nodes.get(proto.name, NONE) if proto.name else NONE
        for maker in (*makers, named):
            if maker != NONE and _operator(self.original, maker) == _operator(self.damaged, node):
                return maker
        return NONE

    def _folded_norm(self, node: int, origins: Set[int]) -> int:
        """Return the batch norm among the origins of a product, if all others are products; else NONE."""
        if len(origins) < 2 or self.damaged.operators[node][1] not in PRODUCTS:
            return NONE
        of = {origin: self.original.operators[origin][1] for origin in sorted(origins)}
        norms = [origin for origin, operator in of.items() if operator == "BatchNormalization"]
        products = [origin for origin, operator in of.items() if operator in PRODUCTS]
        return norms[0] if len(norms) == 1 and len(norms) + len(products) == len(of) else NONE

    def _map_values(self) -> list[int]:
        image = [self._values.get(name, NONE) if name else NONE for name in self.damaged.value_names]
        for node, same in enumerate(self.same):
            if same != NONE:
                for ours, theirs in zip(self.damaged.writes[node], self.original.writes[same], strict=False):
                    if ours != NONE and image[ours] == NONE:
                        image[ours] = theirs
        return image

    def _patches(self) -> Iterator[list[int]]:
        """Yield groups of new nodes that new values connect, each in file order."""
        seen = [same != NONE for same in self.same]
        for start in range(len(seen)):
            if seen[start]:
                continue
            seen[start] = True
            patch = [start]
            for node in patch:
                for other in self._beside(node):
                    if not seen[other]:
                        seen[other] = True
                        patch.append(other)
            yield sorted(patch)

    def _beside(self, node: int) -> Iterator[int]:
        for value in self.damaged.writes[node]:
            if value != NONE and self._image[value] == NONE:
                yield from self.damaged.readers[value]
        for value in self.damaged.reads[node]:
            if value != NONE and self._image[value] == NONE and self.damaged.producer[value] != NONE:
                yield self.damaged.producer[value]


class _Patch:
    """New nodes of the damaged file and the original nodes they replace."""

    def __init__(self, descent: Descent, nodes: list[int]) -> None:
        self.descent = descent
        self.original, self.damaged = descent.original, descent.damaged
        self.nodes = nodes
        self.makers = {node: maker for node in nodes if (maker := self._maker(node)) != NONE}
        self.replaced = self._find_replaced()
        self._among_replaced = frozenset(self.replaced)
        self.given: dict[int, int] = {}

    def assign(self) -> None:
        """Decide which original nodes each node of the patch stands for."""
        self._by_parameters()
        self._by_names()
        self._fused_with_own_kind()
        self._by_kind()
        self._fused_with_neighbours()
        origins = self.descent.origins
        for old, new in self.given.items():
            origins[new].add(old)
        for node in self.nodes:
            if not origins[node] and node in self.makers:
                origins[node].add(self.makers[node])
        for node in self._readers_first():
            if not origins[node]:
                origins[node].update(*(origins[reader] for reader in self.damaged.successors(node)))
        for node in self.nodes:
            if not origins[node]:
                origins[node].update(*(origins[other] for other in self.damaged.predecessors(node)))

    def _maker(self, node: int) -> int:
        """Return the original producer of a value that a new node writes; NONE without one."""
        for value in self.damaged.writes[node]:
            if (image := self.descent.image(value)) != NONE:
                return self.original.producer[image]
        return NONE

    def _find_replaced(self) -> list[int]:
        """Return the original nodes that the patch replaces.

        They lie between the inputs of the patch and the values that it writes or that its readers lost.
        """
        above = {
            image
            for node in self.nodes
            for value in self.damaged.reads[node]
            if value not in self.damaged.constants and (image := self.descent.image(value)) != NONE
        }
        behind = self._behind(above)
        pending = [*self.makers.values(), *self._needed()]
        found: set[int] = set()
        while pending:
            node = pending.pop()
            if node == NONE or node in found or self.descent.is_kept(node) or node not in behind:
                continue
            found.add(node)
            reads = (value for value in self.original.reads[node] if value != NONE and value not in above)
            pending += [self.original.producer[value] for value in reads]
        return sorted(found)

    def _needed(self) -> Iterator[int]:
        """Yield the original producers of the values that the readers of the patch lost."""
        for node in self.nodes:
            for reader in self.damaged.successors(node):
                if (same := self.descent.same[reader]) != NONE:
                    for value in self.original.reads[same]:
                        if value != NONE and not self.descent.is_present(value):
                            yield self.original.producer[value]

    def _behind(self, above: set[int]) -> set[int]:
        """Return the original nodes that depend on the values `above`.

        The search ends at values that are in both files, except at those that the patch itself writes.
        """
        own = {self.descent.image(value) for node in self.nodes for value in self.damaged.writes[node]}
        found: set[int] = set()
        pending = [reader for value in above for reader in self.original.readers[value]]
        while pending:
            node = pending.pop()
            if node not in found:
                found.add(node)
                for value in self.original.writes[node]:
                    if value != NONE and (value in own or not self.descent.is_present(value)):
                        pending += self.original.readers[value]
        return found

    def _by_parameters(self) -> None:
        readers: dict[str, list[int]] = {}
        for node in self.nodes:
            for name in self._parameters(self.damaged, node):
                readers.setdefault(name, []).append(node)
        replaced: dict[str, list[int]] = {}
        for old in self.replaced:
            for name in self._parameters(self.original, old):
                replaced.setdefault(name, []).append(old)
        for name, before in replaced.items():
            made_of_it = (key for key in readers if key.startswith(f"{name}_"))
            after = readers.get(name) or readers.get(next(made_of_it, ""))
            if after:
                calls = after if len(after) == len(before) else after[:1] * len(before)
                self.given.update(zip(before, calls, strict=True))

    def _by_names(self) -> None:
        """Match a new node named after a value of the original with the producer of the value.

        The operators of both must be of one kind. A convolution on a blocked layout is named after the value
        of the activation fused into it, so its operator may be of another kind.
        """
        for new in self.nodes:
            name = self.damaged.nodes[new].name
            blocked = name.endswith(_BLOCKED)
            value = self.descent.value_named(name.removesuffix(_BLOCKED))
            maker = self.original.producer[value] if value != NONE else NONE
            if maker in self._among_replaced and (blocked or self._alike(maker, new)):
                self.given.setdefault(maker, new)

    def _fused_with_own_kind(self) -> None:
        """Match an original node with the one new node of its readers, if both operators are of one kind.

        A Gemm may have replaced a MatMul and the Add after it.
        """
        for old in self.replaced:
            if old not in self.given:
                readers = {self.given.get(reader) for reader in self.original.successors(old)}
                if len(readers) == 1 and (new := readers.pop()) is not None and self._alike(old, new):
                    self.given[old] = new

    def _by_kind(self) -> None:
        for new, maker in self.makers.items():
            if maker in self._among_replaced and maker not in self.given and self._alike(maker, new):
                self.given[maker] = new
        taken = set(self.given.values())
        free = [n for n in self.nodes if n not in taken and n not in self.makers]
        left = [old for old in self.replaced if old not in self.given]
        for kind in dict.fromkeys(_kind(self.original, old) for old in left):
            before = [node for node in left if _kind(self.original, node) == kind]
            after = [node for node in free if _kind(self.damaged, node) == kind]
            if len(before) == len(after):
                self.given.update(zip(before, after, strict=True))

    def _fused_with_neighbours(self) -> None:
        """Match remaining original nodes with the new node of a reader.

        If no reader has one, match with the new producer of the node's value, else with the new node of a
        predecessor, else with the last node of the patch.
        """
        writers = {maker: new for new, maker in self.makers.items()}
        for old in reversed(self.replaced):
            if old not in self.given:
                readers = (self.given.get(reader) for reader in self.original.successors(old))
                found = next((new for new in readers if new is not None), writers.get(old))
                if found is not None:
                    self.given[old] = found
        for old in self.replaced:
            if old not in self.given:
                feeding = (self.given.get(other) for other in self.original.predecessors(old))
                found = next((new for new in feeding if new is not None), None)
                self.given[old] = found if found is not None else self.nodes[-1]

    def _readers_first(self) -> Iterable[int]:
        return reversed(self.nodes)

    def _alike(self, old: int, new: int) -> bool:
        return _kind(self.original, old) == _kind(self.damaged, new)

    @staticmethod
    def _parameters(graph: GraphIndex, node: int) -> Iterator[str]:
        for value in graph.reads[node]:
            tensor = graph.initializers.get(value)
            if tensor is not None and (tensor.data_type != TensorProto.INT64 or len(tensor.dims) > 1):
                yield graph.value_names[value]  # a list of 64-bit integers is a shape: equal ones are merged


def _kind(graph: GraphIndex, node: int) -> str:
    operator = graph.operators[node][1]
    return _KINDS.get(operator, operator)
