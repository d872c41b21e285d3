"""Witness for files without any name of a module: calls of the functions that their producer wrote.

jax2onnx, onnxscript and torch 2.2 write a function for a class. A call of such a function is a module: the
call node gives the name, the function the class. The nodes of a function that is called several times are in
the file once; they are placed in the first call. Functions for operators (torch_lib) are no modules.
"""

from __future__ import annotations

from collections import deque

from rewriter.evidence.claims import Claim, Source, Testimony
from rewriter.model.index.functions import body_roots, calls_of
from rewriter.model.index.graph import NONE, Body, GraphIndex
from rewriter.paths import ROOT, ModulePath

_OF_OPERATORS = "pkg.onnxscript.torch_lib"


def testify(graph: GraphIndex) -> Testimony:
    """Return claims on the nodes of the main graph and of the functions for classes that it reaches by calls.

    Empty if the file has no function for a class.
    """
    if all(_is_of_operators(body) for body in graph.bodies):
        return Testimony()
    return _Calls(graph).testimony()


def _is_of_operators(body: Body) -> bool:
    """Whether a body is a graph or a function for an operator, so not a function for a class."""
    return body.function is None or is_for_operator(body.function.domain)


def is_for_operator(domain: str) -> bool:
    """Whether the functions of a domain stand for operators, not for classes."""
    return domain.startswith(_OF_OPERATORS)


class _Calls:
    def __init__(self, graph: GraphIndex) -> None:
        self.graph = graph
        self.calls = calls_of(graph)
        self.claims: list[Claim] = []
        self.classes: dict[ModulePath, str] = {}
        self.again: set[int] = set()
        self.nodes_of: dict[int, list[int]] = {}
        roots = body_roots(graph)
        for node, body in enumerate(graph.body_of):
            self.nodes_of.setdefault(roots[body], []).append(node)

    def testimony(self) -> Testimony:
        pending: deque[tuple[int, ModulePath]] = deque([(0, ROOT)])
        entered = {0}
        while pending:
            body, module = pending.popleft()
            names: set[str] = set()
            for node in self.nodes_of.get(body, ()):
                place = module
                called = self.calls.get(node, NONE)
                if called != NONE and not _is_of_operators(self.graph.bodies[called]):
                    place = module.child(self._name(node, names))
                    self.classes[place] = self.graph.operators[node][1]
                    if called not in entered:
                        entered.add(called)
                        pending.append((called, place))
                    else:
                        self.again.add(called)
                detail = f"a call of the function {self.graph.operators[node][1]}"
                self.claims.append(Claim(node, place, None, Source.FUNCTION, None, detail))
        return Testimony(
            tuple(self.claims), self.classes, called=frozenset(self.classes), notes=self._notes()
        )

    def _name(self, node: int, taken: set[str]) -> str:
        """Return a name for the module of a call, different from those `taken` in the same body."""
        name = str(self.graph.names[node]) or self.graph.operators[node][1]
        name = stem = name.replace(".", "_").replace("/", "_")
        number = 1
        while name in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(name)
        return name

    def _notes(self) -> tuple[str, ...]:
        if not self.again:
            return ()
        return (
            f"functions of its producer with several calls: {len(self.again):,}; "
            "their nodes are shown in the first call",
        )
