"""Scopes: map the names in a body to numbers of values. Bodies with ambiguous names are refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from onnx import AttributeProto, FunctionProto, OperatorSetIdProto

from rewriter.model.operator_set.operators import canonical

MAX_DEPTH = 100
"""Maximum nesting of function calls and graph attributes; protobuf parses at most some 30 nested graphs."""


class Unprovable(Exception):
    """Raised if a model cannot be read as expressions, or only ambiguously; the message has the reason."""


class ReadEarly(Unprovable):
    """Raised if a node reads a value that no node before it writes; a node after it may write it."""


@dataclass(slots=True)
class Scope:
    """Numbers of the names in one body; names of outer bodies are visible.

    Attributes:
        outer: the enclosing body; None for the main graph and for a function, which sees no outer names.
        level: number of graph attributes around this body; functions do not count.
        depth: number of graph attributes and functions around this body.
        opsets: domain -> version.
        bound: name of a function attribute -> the attribute given by the call (or the default), and the scope
            that it was written in.
        names: name of a value of this body -> its number.
        captured: names that this body must not define from now on: names of outer values that a node in it
            or in a nested body has read, of initializers of nested bodies, and of values of the caller that a
            graph passed to this function has read.
        user: for a graph that a caller passed to a function: the body in the function that uses it; else
            None. onnxruntime looks up names in that body, although the graph was written in the caller.
        written: names of all values that the nodes of this body write, if its nodes are sorted first; else
            empty.
        written_now: names of the values that the node in evaluation writes, if the nodes are sorted first.
        in_function: whether this is the body of a function.
        declared: value -> the type that the graph declares for it; empty if types do not count, and for a
            function, since runtimes ignore the types that it declares.
    """

    outer: Scope | None
    level: int
    depth: int
    opsets: dict[str, int]
    bound: dict[str, tuple[AttributeProto, Scope]] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    captured: set[str] = field(default_factory=set)
    user: Scope | None = None
    written: frozenset[str] = frozenset()
    written_now: Sequence[str] = ()
    in_function: bool = False
    declared: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def is_inlined(self) -> bool:
        """Whether onnxruntime inlines this body with a function, in the order of the file."""
        scope: Scope | None = self
        while scope is not None:
            if scope.in_function or scope.user is not None:
                return True
            scope = scope.outer
        return False

    def look_up(self, name: str) -> int:
        """Return the number of a value that a node of this body reads.

        Raises:
            ReadEarly: no node has written the value yet.
            Unprovable: this body is in a graph passed to a function that has a value of the same name.
        """
        scope: Scope | None = self
        while scope is not None:
            if (number := scope.names.get(name)) is not None:
                return number
            scope.captured.add(name)
            if scope.user is not None:
                scope.user.keep_free(name)
            scope = scope.outer
        raise ReadEarly(f"value {name!r} is read before any node writes it")

    def define(self, name: str, number: int) -> None:
        """Record a value that this body defines.

        Raises:
            Unprovable: the body already has a value of this name, or the name is in `captured`. A runtime
                that sorts the nodes first, as onnxruntime does, may confuse the two values.
        """
        if name in self.names or name in self.captured:
            raise Unprovable(f"value {name!r} has two meanings in one body")
        self.names[name] = number

    def demand_unhidden(self) -> None:
        """Refuse a body that writes a value of a name that an outer body has, too.

        In unsorted lists such a name has two meanings: that of the inner body, and that of the outer body for
        a reader that takes the nodes as they stand. A name that the owner of the body writes has one meaning
        inside, since the owner's results are not known there.

        Raises:
            Unprovable: this body writes such a name.
        """
        scope = self.outer
        while scope is not None:
            for name in self.written:
                if (name in scope.names or name in scope.written) and name not in scope.written_now:
                    raise Unprovable(f"nodes are not sorted, and value {name!r} has two meanings")
            scope = scope.outer

    def keep_free(self, name: str) -> None:
        """Record that a graph passed to this function reads a value of this name from the caller.

        Raises:
            Unprovable: this body or an outer one has a value of this name.
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
        """Record that an initializer of this body hides values of the same name in outer bodies.

        Raises:
            Unprovable: an outer body has a different value of this name.
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
        """Return the scope of a graph attribute written in this scope and run in `use`.

        The two scopes differ if a function uses a graph attribute of its caller. Names are then looked up in
        the caller, but the level follows from `use`, so that nested bodies never share a level.

        Raises:
            Unprovable: the nesting is too deep.
        """
        return Scope(
            self, use.level + 1, _deeper(use), self.opsets, self.bound, user=None if use is self else use
        )

    def called(self, function: FunctionProto) -> Scope:
        """Return the scope of the body of a function called from this scope.

        Raises:
            Unprovable: the nesting is too deep.
        """
        opsets = opsets_of(function.opset_import)
        return Scope(None, self.level, _deeper(self), opsets, in_function=True)


def _deeper(scope: Scope) -> int:
    if scope.depth >= MAX_DEPTH:
        raise Unprovable(f"functions and graphs nest over {MAX_DEPTH} deep, or a function calls itself")
    return scope.depth + 1


def opsets_of(imports: Iterable[OperatorSetIdProto]) -> dict[str, int]:
    """Return the imported version of each domain.

    Raises:
        Unprovable: two versions of the same domain are imported.
    """
    found: dict[str, int] = {}
    for each in imports:
        if found.setdefault(canonical(each.domain), each.version) != each.version:
            raise Unprovable(f"two versions of operator set {each.domain or 'ai.onnx'!r} are imported")
    return found
