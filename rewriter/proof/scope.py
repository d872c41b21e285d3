"""Meaning of names in a body while it is read, and the reasons why a body cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from onnx import AttributeProto, FunctionProto, OperatorSetIdProto

from rewriter.model.operator_set.operators import canonical

MAX_DEPTH = 100
"""Maximum nesting of function calls and graph attributes; the ONNX checker refuses more as well."""


class Unprovable(Exception):
    """The model cannot be read as expressions, or has no single reading; the message says why."""


@dataclass(slots=True)
class Scope:
    """Names of one body -> numbers, inside those of the bodies around it.

    Attributes:
        outer: the body around; None for the main graph and for a function, which sees no outer names.
        level: number of graph attributes around this body; functions do not count.
        depth: number of graph attributes and functions around this body.
        opsets: domain -> version.
        bound: attributes of the function call -> the caller's attribute, and its scope.
        user: of a graph that a caller passed to a function, the body in the function that uses it; else None.
            onnxruntime looks up names there, though the graph was written in the caller.
        declared: value -> the type that the graph declares for it; runtimes ignore those of functions.
    """

    outer: Scope | None
    level: int
    depth: int
    opsets: dict[str, int]
    bound: dict[str, tuple[AttributeProto, Scope]] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    captured: set[str] = field(default_factory=set)
    user: Scope | None = None
    declared: Mapping[str, bytes] = field(default_factory=dict)

    def look_up(self, name: str) -> int:
        """The number of a value that a node of this body reads.

        Raises:
            Unprovable: nothing has written it yet, or a graph passed to a function reads it while
                the function has a value of this name.
        """
        scope: Scope | None = self
        while scope is not None:
            if (number := scope.names.get(name)) is not None:
                return number
            scope.captured.add(name)
            if scope.user is not None:
                scope.user.keep_free(name)
            scope = scope.outer
        raise Unprovable(f"value {name!r} is read before any node writes it")

    def define(self, name: str, number: int) -> None:
        """Record an output of a node.

        Raises:
            Unprovable: the body has written or read another value of this name, so that a reader that sorts
                the nodes first, as onnxruntime does, may confuse them.
        """
        if name in self.names or name in self.captured:
            raise Unprovable(f"value {name!r} has two meanings in one body")
        self.names[name] = number

    def keep_free(self, name: str) -> None:
        """Record that a graph from elsewhere, used here, reads a value of this name from its caller.

        Raises:
            Unprovable: this body, or one around it, has a value of this name.
        """
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                raise Unprovable(
                    f"a graph handed to a function reads {name!r}, and the function has a {name!r}"
                )
            scope.captured.add(name)
            scope = scope.outer

    def hide(self, name: str, number: int) -> None:
        """Record that an initializer of this body hides the value of the same name around it.

        Raises:
            Unprovable: one of them has another value of this name.
        """
        scope = self.outer
        while scope is not None:
            if scope.names.get(name, number) != number:
                raise Unprovable(
                    f"initializer {name!r} of a body hides another value of the same name around it"
                )
            scope.captured.add(name)
            scope = scope.outer

    def inside(self, use: Scope) -> Scope:
        """The scope of a graph attribute written in this scope and run in `use`.

        The two differ if a function passes an attribute of its caller on: names are those of the caller,
        the level is that of the use, so that no two bodies around one node share a level.

        Raises:
            Unprovable: the nesting is too deep.
        """
        return Scope(
            self, use.level + 1, _deeper(use), self.opsets, self.bound, user=None if use is self else use
        )

    def called(self, function: FunctionProto) -> Scope:
        """The scope of the body of a function called from this scope.

        Raises:
            Unprovable: the nesting is too deep.
        """
        return Scope(None, self.level, _deeper(self), opsets_of(function.opset_import))


def _deeper(scope: Scope) -> int:
    if scope.depth >= MAX_DEPTH:
        raise Unprovable(f"functions and graphs nest over {MAX_DEPTH} deep, or a function calls itself")
    return scope.depth + 1


def opsets_of(imports: Iterable[OperatorSetIdProto]) -> dict[str, int]:
    """Domain -> version.

    Raises:
        Unprovable: two versions of one domain are imported.
    """
    found: dict[str, int] = {}
    for each in imports:
        if found.setdefault(canonical(each.domain), each.version) != each.version:
            raise Unprovable(f"two versions of operator set {each.domain or 'ai.onnx'!r} are imported")
    return found
