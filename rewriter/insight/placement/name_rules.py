"""Makes rules of the second kind in `layer_rules`: their patterns are substrings of names of nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from rewriter.insight.placement.layer_rules import Rules, is_pattern

MOST_NAMES = 1000
"""Maximum number of nodes outside of scopes with a pattern; if there are more, none of them gets one."""


def name_rules(names: Sequence[str], wanted: Mapping[int, str]) -> Rules:
    """Make rules whose patterns match names of nodes, for `session.name_based_layer_assignment`.

    A scope becomes a pattern if all nodes whose names contain it go to one device; outer scopes are tried
    first. The name of a remaining node becomes a pattern if `_NodeNames.patterns` accepts it, and if at most
    `MOST_NAMES` nodes remain. Texts that onnxruntime would not read as one pattern are skipped.

    Args:
        names: node -> its name; '' if it has none.
        wanted: node -> its device, for nodes with a device.
    """
    every = _NodeNames(names, wanted)
    rules = Rules()
    taken: set[str] = set()
    left = _by_scope(names, wanted)
    for scope in _widest_first(left):
        device = every.device_of(scope) if taken.isdisjoint(_scopes(scope)) else None
        if device is not None:
            rules.add(device, scope)
            taken.add(scope)
    rest = [node for scope, nodes in left.items() if taken.isdisjoint(_scopes(scope)) for node in nodes]
    named = [node for node in rest if is_pattern(names[node])]
    rules.unreachable = sum(not names[node] for node in wanted) + len(rest) - len(named)
    if len(named) > MOST_NAMES:
        rules.unreachable += len(named)
        return rules
    patterns = every.patterns(names[node] for node in named)
    for node in named:
        if names[node] in patterns:
            rules.add(wanted[node], names[node])
        else:
            rules.unreachable += 1
    return rules


def _by_scope(names: Sequence[str], wanted: Mapping[int, str]) -> dict[str, list[int]]:
    """Return scope -> nodes to assign in it; a scope is a name up to its last '/', or '' without one."""
    found: dict[str, list[int]] = {}
    for node in wanted:
        if names[node]:
            scope, slash, _ = names[node].rpartition("/")
            found.setdefault(scope + slash, []).append(node)
    return found


def _scopes(scope: str) -> Iterator[str]:
    """Yield a scope and the scopes around it, outermost first: `/a/b/` gives `/a/`, `/a/b/`."""
    end = scope.find("/", 1)
    while end > 0:
        yield scope[: end + 1]
        end = scope.find("/", end + 1)


def _widest_first(scopes: Iterable[str]) -> list[str]:
    """Return the scopes, and the scopes around them, that can be patterns; scopes with fewer `/` first."""
    every = dict.fromkeys(around for scope in scopes for around in _scopes(scope))
    return sorted((scope for scope in every if is_pattern(scope)), key=lambda scope: scope.count("/"))


class _NodeNames:
    """Names of all nodes, joined into one text for fast search."""

    def __init__(self, names: Sequence[str], wanted: Mapping[int, str]) -> None:
        self.names = names
        lines = [name.replace("\n", " ") for name in names]
        self.text = "\n".join(lines)
        self.devices: dict[str, set[str | None]] = {}
        for node, line in enumerate(lines):
            self.devices.setdefault(line, set()).add(wanted.get(node))

    def device_of(self, scope: str) -> str | None:
        """Return the device of all nodes whose name contains a scope; None if they have no common device."""
        found: set[str | None] = set()
        for line in self._lines(scope):
            found |= self.devices[line]
            if len(found) > 1 or None in found:
                return None
        return next(iter(found), None)

    def patterns(self, names: Iterable[str]) -> Set[str]:
        """Return those of the names that can be patterns together: none gives its device to another's node.

        Nodes of one name must have one device. A node of another device, whose name contains a pattern, must
        have a longer pattern: its own name. The longest match wins.
        """
        single = {name for name in names if len(self.devices[name]) == 1}
        taken = {
            name: {line for line in self._lines(name) if self.devices[line] != self.devices[name]}
            for name in single
        }
        while refused := [name for name, lines in taken.items() if not lines <= taken.keys()]:
            for name in refused:
                del taken[name]
        return taken.keys()

    def _lines(self, part: str) -> Iterator[str]:
        """Yield the lines of the text that contain `part`."""
        at = self.text.find(part)
        while at >= 0:
            start = self.text.rfind("\n", 0, at) + 1
            end = self.text.find("\n", at)
            end = len(self.text) if end < 0 else end
            yield self.text[start:end]
            at = self.text.find(part, end)
