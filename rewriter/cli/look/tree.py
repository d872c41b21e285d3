"""`rewriter tree M`."""

from __future__ import annotations

from dataclasses import replace

from rewriter.cli.common import analysed, emit_json, stdout
from rewriter.errors import UsageError
from rewriter.modules.selection import Selection
from rewriter.options.look import TreeOptions


def run(options: TreeOptions) -> None:
    """Print the tree, the claims of each witness (`--compare-sources`), or the nodes with `--conflicts`."""
    selection, truth, as_json = options.selection, options.truth, options.as_json
    if truth is not None and not options.compare_sources:
        raise UsageError("--truth judges witnesses; add --compare-sources")
    if options.compare_sources and selection != Selection():
        raise UsageError("--compare-sources counts all nodes; leave out --only and --depth")
    if options.compare_sources and options.conflicts:
        raise UsageError("--compare-sources and --conflicts print different results; give one of them")
    analysis = analysed(options.model, options)
    modules = None if selection == Selection() else selection.modules(analysis)
    if options.compare_sources:
        from rewriter.views.json import sources_json
        from rewriter.views.text.sources import print_sources
        from rewriter.views.truth_file import read_truth
        from rewriter.views.witness_agreement import compare_sources as compare_witnesses

        known = read_truth(truth, options.model.stem) if truth is not None else None
        comparison = compare_witnesses(analysis, known)
        emit_json(sources_json(comparison)) if as_json else print_sources(comparison, stdout())
    elif options.conflicts:
        from rewriter.insight.conflicts import conflicts
        from rewriter.views.json import conflicts_json
        from rewriter.views.text.conflicts import print_conflicts

        found = conflicts(analysis, modules)
        emit_json(conflicts_json(found)) if as_json else print_conflicts(found, stdout())
    elif as_json:
        from rewriter.views.json import tree_json

        emit_json(tree_json(analysis, modules))
    else:
        from rewriter.views.text.tree import print_tree

        words = replace(selection, depth=None) != Selection()
        shown = frozenset(module.path for module in modules) if words and modules else None
        print_tree(analysis, stdout(), depth=selection.depth, only=shown)
