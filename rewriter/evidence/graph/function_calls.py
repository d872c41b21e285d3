"""Witness for files without any name of a module: calls of the functions that their producer made.

jax2onnx, onnxscript and torch 2.2 write a function for a class. A call of one is a module, named after the
node, and the function is its class. The nodes of a function that is called several times stand in the file
once; they are shown in the first call. Functions of operators (torch_lib) are no modules.
"""

from __future__ import annotations

from collections import deque

from rewriter.evidence.claims import Claim, Source, Testimony
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ROOT, ModulePath

_OF_OPERATORS = "pkg.onnxscript.torch_lib"


def testify(graph: GraphIndex) -> Testimony:
    """Claims for the nodes of the functions and the calls, in the bodies too."""
    bodies = {
        (function.domain, function.name): number
        for number, body in enumerate(graph.bodies)
        if (function := body.function) is not None and not function.domain.startswith(_OF_OPERATORS)
    }
    if not bodies:
        return Testimony()
    return _Calls(graph, bodies).testimony()


class _Calls:
    def __init__(self, graph: GraphIndex, bodies: dict[tuple[str, str], int]) -> None:
        self.graph = graph
        self.bodies = bodies
        self.claims: list[Claim] = []
        self.classes: dict[ModulePath, str] = {}
        self.again: set[int] = set()
        self.nodes_of: dict[int, list[int]] = {}
        for node in range(len(graph.nodes)):
            self.nodes_of.setdefault(self._outermost(graph.body_of[node]), []).append(node)

    def testimony(self) -> Testimony:
        pending: deque[tuple[int, ModulePath]] = deque([(0, ROOT)])
        entered = {0}
        while pending:
            body, module = pending.popleft()
            names: set[str] = set()
            for node in self.nodes_of.get(body, ()):
                place = module
                called = self.bodies.get(self.graph.operators[node], NONE)
                if called != NONE:
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

    def _outermost(self, body: int) -> int:
        """The main graph or function that a body lies in."""
        while (outer := self.graph.bodies[body].outer) != NONE:
            body = outer
        return body

    def _name(self, node: int, taken: set[str]) -> str:
        """What the call is named, no two calls of one body alike."""
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
            f"{len(self.again):,} functions of its producer are called several times; "
            "their nodes are shown in the first call",
        )
