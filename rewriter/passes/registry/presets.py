"""The lists of passes that plain options stand for."""

from __future__ import annotations

from collections.abc import Sequence

from rewriter.basics.nearest import fits_nothing
from rewriter.basics.option_declaration import part
from rewriter.errors import UsageError
from rewriter.options.groups import RewriteSteps
from rewriter.options.words import Functions
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.embed import Embed
from rewriter.passes.flatten import Flatten
from rewriter.passes.group import Group
from rewriter.passes.layer_annotations import LayerAnnotations
from rewriter.passes.registry.syntax import parse_passes
from rewriter.passes.restore_names import RestoreNames
from rewriter.passes.share import Share
from rewriter.passes.unshare import Unshare

__all__ = ["Functions", "passes_of", "standard_passes"]


def standard_passes(
    functions: Functions = Functions.NONE,
    group: Group | None = None,
    *,
    restore_names: bool = False,
    layer_annotations: bool = False,
    foreign: bool = False,
) -> tuple[Pass, ...]:
    """Return the passes of a plain rewrite, in order.

    Args:
        functions: the functions to make.
        group: the pass that makes functions, with its choice of modules; all modules if None.
        restore_names: whether to restore the lost names of nodes and weights.
        layer_annotations: whether to annotate nodes with their module for onnxruntime's partitioning.
        foreign: whether to inline the functions of other tools before. They are evidence of modules, so the
            first annotation precedes this, and a second one describes the nodes of every call.
    """
    steps: list[Pass] = [Annotate()]
    if foreign:
        steps += [Flatten(foreign=True), Annotate()]
    if restore_names:
        steps.append(RestoreNames())
    if functions is not Functions.NONE:
        steps += [Unshare(), group or Group()]
    if functions is Functions.SHARED:
        steps.append(Share())
    if functions is not Functions.NONE:
        steps.append(Embed())
    if layer_annotations:
        steps.append(LayerAnnotations())
    return tuple(steps)


def passes_of(steps: RewriteSteps) -> tuple[Pass, ...]:
    """Return the passes that plain options stand for, or those that `passes` lists.

    Raises:
        UsageError: options choose modules although no functions are made, or add passes to an explicit list;
            or a kind of functions or a pass does not exist.
    """
    if steps.functions not in list(Functions):
        raise UsageError(fits_nothing("kind of functions", steps.functions, list(Functions)))
    group, functions = part(Group, steps), Functions(steps.functions)
    if functions is Functions.NONE and group != Group():
        raise UsageError(
            "--depth, --only, --class, --kind, --op, --not, --inferred and --repeated choose functions; "
            "add --functions shared or call"
        )
    if steps.passes is None:
        return standard_passes(
            functions,
            group,
            restore_names=steps.restore_names,
            layer_annotations=steps.layer_annotations,
            foreign=steps.foreign,
        )
    if functions is not Functions.NONE or steps.restore_names or steps.layer_annotations or steps.foreign:
        raise UsageError(
            "--passes lists all passes to run; leave out --functions, --foreign, --restore-names and "
            "--layer-annotations"
        )
    named: str | Sequence[Pass] = steps.passes
    return parse_passes(named) if isinstance(named, str) else tuple(named)
