"""Draws the module tree as Graphviz clusters, with the dataflow between siblings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rewriter.basics.display import counted
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.paths import ROOT, ModulePath, common_ancestor
from rewriter.views.escape import shorten, visible

_LONGEST = 60
_STYLE = 'fontname="Helvetica", fontsize=10'

End = tuple[ModulePath, bool]
"""End of an edge: a module, and whether the end is the box of its own nodes beside its submodules."""


def dot(analysis: Analysis, home: Mapping[ModulePath, ModulePath]) -> str:
    """Return a digraph: a cluster for a module with shown submodules, a box for any other shown module.

    A cluster has one more box for the nodes that count for the module itself, if there are any.

    Args:
        analysis: the model.
        home: module -> the module that shows it (see `with_ancestors`).
    """
    return "\n".join(_Drawing(analysis, home).lines()) + "\n"


class _Drawing:
    def __init__(self, analysis: Analysis, home: Mapping[ModulePath, ModulePath]) -> None:
        self.analysis = analysis
        self.tree = analysis.tree
        self.home = home
        shown = [module for module in self.tree if home[module.path] == module.path]
        self.numbers = {module.path: number for number, module in enumerate(shown)}
        self.children = {
            module.path: [child for child in module.children if child in self.numbers] for module in shown
        }
        self.own = dict.fromkeys(self.numbers, 0)
        for module in self.tree:
            self.own[home[module.path]] += len(module.nodes)

    def lines(self) -> Iterator[str]:
        file = self.analysis.path.name if self.analysis.path else "model"
        yield f"digraph {_quoted(file)} {{"
        yield f"  compound=true; rankdir=TB; graph [{_STYLE}]; edge [arrowsize=0.6];"
        yield f'  node [shape=box, style="rounded,filled", fillcolor="#eef3fa", {_STYLE}];'
        yield from self._modules()
        for edge in self._edges():
            yield f"  {edge}"
        yield "}"

    def _modules(self) -> Iterator[str]:
        """Yield nested boxes and clusters, without recursion, since modules may nest to any depth."""
        stack: list[ModulePath | str] = [ROOT]
        depth = 1
        while stack:
            path = stack.pop()
            if not isinstance(path, ModulePath):
                depth -= 1
                yield "  " * depth + "}"
                continue
            indent = "  " * depth
            number, module = self.numbers[path], self.tree[path]
            if not self.children[path]:
                yield f"{indent}m{number} [label={_quoted(*self._label(module))}];"
                continue
            yield f"{indent}subgraph cluster_{number} {{"
            depth += 1
            yield "  " * depth + f'label={_quoted(*self._label(module))}; style=rounded; color="#8899aa";'
            if self.own[path]:
                yield (
                    "  " * depth
                    + f'm{number} [label="{counted(self.own[path], "node")}", fillcolor="#ffffff"];'
                )
            stack.append("}")
            stack.extend(reversed(self.children[path]))

    def _label(self, module: Module) -> list[str]:
        name = module.path.name or "(root)"
        counts = counted(module.total_nodes, "node")
        counts += f", {module.calls} calls" if module.calls > 1 else ""
        return [name, *([module.plain_class] if module.plain_class else []), counts]

    def _edges(self) -> Iterator[str]:
        """Yield the dataflow edges between parts of a module, each once.

        An edge stands for all values that one part reads from another. It begins at the box of the last node
        that writes one, and ends at a box that reads from the first such node; Graphviz clips it at the
        borders of the clusters. Unplaced nodes have no edges.
        """
        graph, placements = self.analysis.graph, self.tree.placements
        found: dict[tuple[End, End], tuple[ModulePath, ModulePath]] = {}
        for node, placement in enumerate(placements):
            if placement is None:
                continue
            source = self.home[placement.module]
            for reader in graph.successors(node):
                read = placements[reader]
                target = self.home[read.module] if read is not None else source
                if source != target:
                    both = common_ancestor((source, target)) or ROOT
                    parts = self._part(both, source), self._part(both, target)
                    found[parts] = source, found.get(parts, (source, target))[1]
        for parts, boxes in found.items():
            ends = " -> ".join(f"m{self.numbers[box]}" for box in boxes)
            cuts = [
                f"{key}=cluster_{self.numbers[path]}"
                for key, (path, own) in zip(("ltail", "lhead"), parts, strict=True)
                if not own and self.children[path]
            ]
            yield ends + (f" [{', '.join(cuts)}]" if cuts else "") + ";"

    def _part(self, whole: ModulePath, path: ModulePath) -> End:
        """Return the child of `whole` that contains `path`, or the own nodes of `whole`."""
        return (whole, True) if path == whole else (path.cut(whole.depth + 1), False)


def _quoted(*lines: str) -> str:
    """Return lines as a quoted string of the dot language; names may contain anything."""
    safe = (shorten(visible(line), _LONGEST).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(safe) + '"'
