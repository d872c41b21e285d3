"""Pass: put the nodes of functions that `group` made back where they were called, and merge copies.

The inverse of `group` and `unshare`: names, order and metadata of the flat graph come back. Functions of
others are kept unless asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from onnx import FunctionProto, ModelProto, NodeProto, ValueInfoProto

from rewriter.evidence import tags
from rewriter.model import metadata
from rewriter.model.graph import GraphIndex
from rewriter.model.operators import canonical, left_to_runtimes, versions_of
from rewriter.model.spelling import spell_long
from rewriter.model.text import demand_text
from rewriter.modules.analysis import Analysis
from rewriter.passes.base import Outcome
from rewriter.passes.inlining import MOST_NODES, Identity, Inliner
from rewriter.passes.naming import numbers_of
from rewriter.passes.renaming import rename
from rewriter.paths import ROOT
from rewriter.refusals import Reason, Refusal


@dataclass(frozen=True, slots=True)
class Flatten:
    """Undoes `share`, `group` and `unshare`. The IR version stays where `group` raised it to.

    Names come back as they were where every call has a function of its own; what shared a function is named
    after its call.

    Attributes:
        foreign: whether to enter functions of others as well.
    """

    name: ClassVar[str] = "flatten"
    needs_analysis: ClassVar[bool] = False
    foreign: bool = False

    def run(self, analysis: Analysis) -> Outcome:
        """Enter every call of a function that `group` made."""
        return flatten(analysis.model, foreign=self.foreign)


def flatten(model: ModelProto, *, foreign: bool = False) -> Outcome:
    """Flatten a model in place; see `Flatten`."""
    entered = {
        (f.domain, f.name, f.overload): f
        for f in model.functions
        if is_ours(f) or (foreign and not left_to_runtimes(f.domain))
    }
    refusals = _take_out_other_opsets(model, entered)
    demand_text(model)
    graph = GraphIndex(model)
    inliner = Inliner(entered, set(graph.value_names), {node.name for node in graph.nodes})
    # Copied first: what a body holds dies with the list it is taken from.
    body = [NodeProto.FromString(node.SerializeToString()) for node in model.graph.node]
    placed = list(inliner.expand(body, metadata.read(model).get(tags.ORDER)))
    if all(position is not None for position, _ in placed):
        placed.sort(key=lambda item: item[0] or 0)
    nodes = [node for _, node in placed]
    kept, renamed = _merge_copies(nodes)
    if entered or kept != list(model.graph.node):
        del model.graph.node[:]
        model.graph.node.extend(kept)
        ours = [identity for identity, function in entered.items() if is_ours(function)]
        _give_back_infos(model, [info for each in ours for info in inliner.infos.get(each, ())], renamed)
        _remove(model, entered)
    changes = {"functions entered": len(entered), "copies merged": len(nodes) - len(kept)}
    return Outcome(changes, tuple(refusals))


def is_ours(function: FunctionProto) -> bool:
    """Whether `group` made the function."""
    return bool(function.metadata_props) and tags.MODULE in metadata.read(function)


def _take_out_other_opsets(model: ModelProto, entered: dict[Identity, FunctionProto]) -> list[Refusal]:
    """Keep functions whose nodes would mean something else in the graph that calls them."""
    versions = versions_of(model.opset_import)
    refusals = []
    for identity, function in list(entered.items()):
        imports = versions_of(function.opset_import)
        if any(versions.get(domain, version) != version for domain, version in imports.items()):
            del entered[identity]
            refusals.append(Refusal(ROOT, Reason.OTHER_OPSET, function.name))
    return refusals


def _merge_copies(nodes: Sequence[NodeProto]) -> tuple[list[NodeProto], dict[str, str]]:
    """Take out the copies, let their readers read the originals, and forget what moved where.

    Returns:
        The nodes left, and output of a copy -> output of its original. A copy stays where somebody edited
        it, or where its original comes later.
    """
    by_output: dict[str, NodeProto] = {}
    renamed: dict[str, str] = {}
    kept = []
    for node in nodes:
        if renamed:
            rename(node, renamed)
        notes = metadata.read(node) if node.metadata_props else {}
        if tags.SPELLED in notes:
            _spell_back(node, notes[tags.SPELLED])
        original = by_output.get(notes.get(tags.COPY_OF, ""))
        if original is not None and _alike(original, node):
            renamed.update(zip(node.output, original.output, strict=True))
            continue
        if tags.COPY_OF in notes or tags.MOVED_TO in notes:
            metadata.erase(
                node, [tags.MOVED_TO, tags.COPY_OF, *(tags.OF_NODES if _was_unplaced(notes) else ())]
            )
        kept.append(node)
        by_output.update((name, node) for name in node.output if name)
    return kept, renamed


def _spell_back(node: NodeProto, numbers: str) -> None:
    with suppress(ValueError):  # somebody else's entry
        spell_long(node, numbers_of(numbers, MOST_NODES))
    metadata.erase(node, [tags.SPELLED])


def _was_unplaced(notes: Mapping[str, str]) -> bool:
    """Whether a node got its module from `unshare`, which gave it to that very call."""
    own = f"{notes.get(tags.CALL, '')} {notes.get(tags.MODULE, '')}"
    return notes.get(tags.MOVED_TO) == own


def _alike(original: NodeProto, copy: NodeProto) -> bool:
    return (
        (original.domain, original.op_type) == (copy.domain, copy.op_type)
        and list(original.input) == list(copy.input)
        and list(original.attribute) == list(copy.attribute)
        and len(original.output) == len(copy.output)
    )


def _give_back_infos(model: ModelProto, inside: Iterable[ValueInfoProto], renamed: Mapping[str, str]) -> None:
    """Move what is known of values from the functions to the graph: no copies, and nothing that was inferred.

    In functions of others nobody reads what is said of values; in the graph it would count.
    """
    kept = [info for info in model.graph.value_info if info.name not in renamed and not is_inferred(info)]
    known = {info.name for info in kept}
    for info in inside:
        if info.name not in known and info.name not in renamed and not is_inferred(info):
            kept.append(info)
            known.add(info.name)
    if kept != list(model.graph.value_info):
        copies = [ValueInfoProto.FromString(info.SerializeToString()) for info in kept]
        del model.graph.value_info[:]
        model.graph.value_info.extend(copies)


def is_inferred(info: ValueInfoProto) -> bool:
    """Whether `group` stated a type that the flat graph does not."""
    return bool(info.metadata_props) and tags.INFERRED in metadata.read(info)


def _remove(model: ModelProto, entered: dict[Identity, FunctionProto]) -> None:
    """Take out the functions, the domains that only they used, and the note on the order."""
    kept = [f for f in model.functions if (f.domain, f.name, f.overload) not in entered]
    copies = [FunctionProto.FromString(f.SerializeToString()) for f in kept]
    del model.functions[:]
    model.functions.extend(copies)
    doomed = {domain for domain, _, _ in entered} - {f.domain for f in copies}
    imports = {canonical(each.domain): each.version for f in entered.values() for each in f.opset_import}
    for position in reversed(range(len(model.opset_import))):
        if model.opset_import[position].domain in doomed:
            del model.opset_import[position]
    known = {canonical(each.domain) for each in model.opset_import}
    for domain in sorted(imports.keys() - known - doomed):
        model.opset_import.add(domain=domain, version=imports[domain])
    metadata.erase(model, [tags.ORDER])
