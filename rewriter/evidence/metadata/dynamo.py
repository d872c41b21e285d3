"""Witness: metadata that PyTorch's dynamo exporter writes on nodes, values and the graph.

Format: torch/onnx/_internal/exporter/_core.py. `pkg.torch.onnx.name_scopes` and `class_hierarchy` are Python
list literals, one entry per module from the root down, the operator last. `namespace` holds the same in one
string, whose separators may also occur in names, so it is only read if `name_scopes` is missing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

from rewriter.evidence.certainty import PlacementRule
from rewriter.evidence.claims import SHOWN, Claim, ParameterClaim, Source, Testimony
from rewriter.evidence.metadata.folded_norms import Fold, find_folds
from rewriter.evidence.metadata.lost_stacks import find_owners
from rewriter.evidence.metadata.owners_by_reader import WeightsRead
from rewriter.evidence.metadata.stack_bases import Stack
from rewriter.evidence.metadata.stacks import are_contradicted, extends, resolve
from rewriter.evidence.names.derived_names import parameter_named_by
from rewriter.evidence.names.scope_grammar import DEEPEST
from rewriter.evidence.parameters.parameter_names import dequantised_by
from rewriter.evidence.parameters.tensor_roles import HELPING
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.index.index_cache import once_per_index
from rewriter.model.metadata import get, read
from rewriter.paths import ROOT, ModulePath

NAME_SCOPES = "pkg.torch.onnx.name_scopes"
CLASS_HIERARCHY = "pkg.torch.onnx.class_hierarchy"
NAMESPACE = "namespace"
FX_NODE = "pkg.torch.onnx.fx_node"
FOLDED_FROM = "pkg.onnxscript.optimizer.folded_from"
RULE_NAME = "pkg.onnxscript.rewriter.rule_name"
INPUT_KIND = "pkg.torch.export.graph_signature.InputSpec.kind"
GRAPH_SIGNATURE = "pkg.torch.export.ExportedProgram.graph_signature"
_LISTS = frozenset({NAME_SCOPES, CLASS_HIERARCHY})

_OF_TORCH = "torch.nn.modules."
# The "module" that torch writes on a node made outside of all modules.
_SENTINEL = "_empty_nn_module_stack_from_metadata_hook"
_WRAPPER = "_export_root"
_SIGNATURE_LINE = re.compile(r"^(\w+): (?:PARAMETER|BUFFER) target='(.*?)'", re.MULTILINE)

_WITH_NORM = " with a batch norm folded in, and "
"""Between the name of a parameter and the metadata of a node, in the detail of a claim on the node."""

_PLAIN_LIST = re.compile(r"\['[^'\"\\\n\r\0]*'(?:, '[^'\"\\\n\r\0]*')*\]")
"""A Python list literal of strings without escapes."""

Scopes = tuple[tuple[ModulePath, ...], tuple[str, ...]]
"""Modules from the root down, and their classes (all or none)."""


def testify(graph: GraphIndex) -> Testimony:
    """Return claims on nodes with a module stack, classes of modules on the stacks, and folded parameters."""
    read_from = _scopes_of_nodes(graph)
    targets = signature(graph)
    weights = WeightsRead(graph, targets.values(), folded_from(graph))
    stacks = {node: scopes[0] for node, (scopes, _) in read_from.items()}
    if not all(map(extends, set(stacks.values()))) or are_contradicted(stacks, weights):
        stacks = resolve(stacks, weights)
    called = {module for stack in set(stacks.values()) for module in stack}
    owners, between = find_owners(graph, {n: stack[-1] for n, stack in stacks.items()}, called, weights)
    owners |= _not_in_leaves(read_from, stacks, weights)
    recorded = ((node, _operator_in(text)) for node, (_, text) in read_from.items())
    folds = {fold.node: fold for fold in find_folds(graph, recorded)}
    for module in (*owners.values(), *between.values(), *(fold.owner for fold in folds.values())):
        _add_callers(module, called)
    classes: dict[ModulePath, str] = {}
    for stack, names in dict.fromkeys((stacks[node], scopes[1]) for node, (scopes, _) in read_from.items()):
        classes.update(zip(stack, names, strict=False))
    norms = {node: norm for node, fold in folds.items() if not (norm := stacks[node][-1]).holds(fold.owner)}
    claims = (
        *_claims(read_from, stacks, owners, between, folds),
        *_of_replaced(graph, stacks, targets.values()),
    )
    return Testimony(claims, classes, tuple(_folded(graph, targets)), frozenset(called), norms=norms)


def _claims(
    read_from: Mapping[int, tuple[Scopes, str]],
    stacks: Mapping[int, Stack],
    owners: Mapping[int, ModulePath],
    between: Mapping[int, ModulePath],
    folds: Mapping[int, Fold],
) -> Iterator[Claim]:
    """Yield a claim on each node with metadata: by its stack, or by weights of the node or around it."""
    for node, ((recorded, names), detail) in read_from.items():
        module = stacks[node][-1]
        if node in folds:
            reason = f"{folds[node].parameter[:SHOWN]}{_WITH_NORM}{detail}"
            yield Claim(node, folds[node].owner, None, Source.PARAMETER, None, reason, PlacementRule.FOLDED)
        elif node in owners:
            reason = f"{detail} and its weights"
            yield Claim(node, owners[node], None, Source.PARAMETER, None, reason, PlacementRule.UNRECORDED)
        elif node in between:
            reason = f"{detail} and weights around"
            yield Claim(
                node, between[node], None, Source.DATAFLOW, None, reason, PlacementRule.AMID_UNRECORDED
            )
        else:
            kept = module == recorded[-1]
            text, rule = (
                (detail, None) if kept else (f"{detail}, corrected by weights", PlacementRule.CORRECTED)
            )
            yield Claim(node, module, names[-1] if names else None, Source.EXPORTER, None, text, rule)


def _add_callers(module: ModulePath, called: set[ModulePath]) -> None:
    """Add a module and its ancestors below the root to `called`.

    Leave out parents of numbered modules: they may be lists, which are never called.
    """
    while module and module not in called:
        called.add(module)
        while module.name.isdecimal():
            module = module.parent or ROOT
        module = module.parent or ROOT


def _not_in_leaves(
    read_from: Mapping[int, tuple[Scopes, str]], stacks: Mapping[int, Stack], weights: WeightsRead
) -> dict[int, ModulePath]:
    """Return node -> the owner of its weights, if its stack ends in a torch module that has no weights.

    The owner must decide, and neither of the two modules may hold the other.
    """
    found = {}
    for node, ((_, names), _) in read_from.items():
        module = stacks[node][-1]
        if not names or not names[-1].startswith(_OF_TORCH) or module in weights.modules:
            continue
        owner = weights.owner(node)
        if owner and owner.decides and not module.holds(owner.module) and not owner.module.holds(module):
            found[node] = owner.module
    return found


def _scopes_of_nodes(graph: GraphIndex) -> dict[int, tuple[Scopes, str]]:
    """Return node -> the modules and classes in its metadata, and the text that they were read from."""
    found = {}
    for number, entries in graph.entries(_of_scopes):
        scopes = _scopes(entries)
        if 0 < len(scopes[0]) <= DEEPEST:
            found[number] = scopes, entries.get(NAME_SCOPES) or entries[NAMESPACE]
    return found


def _of_scopes(keys: tuple[str, ...]) -> frozenset[str]:
    return (_LISTS if NAME_SCOPES in keys else frozenset({NAMESPACE})).intersection(keys)


def _scopes(entries: dict[str, str]) -> Scopes:
    scopes, classes = entries.get(NAME_SCOPES), entries.get(CLASS_HIERARCHY)
    if scopes is not None:
        return _from_lists(scopes.rpartition(", ")[0], (classes or "").rpartition(", ")[0])
    return _from_namespace(entries.get(NAMESPACE, ""))


@lru_cache(maxsize=65536)  # the nodes of a module have the same text
def _from_lists(scopes: str, classes: str) -> Scopes:
    """Return modules and classes from two list literals, each cut before its last entry, the operator."""
    modules, names = _parse_list(scopes + "]"), _parse_list(classes + "]")
    if not modules or any(_SENTINEL in module for module in modules):
        return (), ()
    names = names if len(names) == len(modules) else ()
    if any(module.startswith(_WRAPPER) for module in modules):
        return _without_wrapper(modules, names)
    return tuple(map(ModulePath, modules)), names


def _without_wrapper(modules: tuple[str, ...], names: tuple[str, ...]) -> Scopes:
    """Remove the module in which strict export wraps the model, and which some stacks name."""
    kept = [position for position, module in enumerate(modules) if module != _WRAPPER]
    paths = tuple(ModulePath(modules[position].removeprefix(f"{_WRAPPER}.")) for position in kept)
    return paths, tuple(names[position] for position in kept) if names else ()


@lru_cache(maxsize=65536)
def _parse_list(literal: str) -> tuple[str, ...]:
    if _PLAIN_LIST.fullmatch(literal):  # thirty times as fast as Python's parser
        return tuple(literal[2:-2].split("', '"))
    try:
        entries = ast.literal_eval(literal)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ()
    if isinstance(entries, list) and all(isinstance(entry, str) for entry in entries):
        return tuple(entries)
    return ()


@lru_cache(maxsize=65536)
def _from_namespace(namespace: str) -> Scopes:
    """Return modules and classes, not the operator, of `: root.Class/encoder: pkg.Encoder/add: aten.add`."""
    parts = [part.partition(": ") for part in namespace.split("/")]
    if len(parts) < 2 or not all(separator for _, separator, _ in parts):
        return (), ()
    modules = tuple(ModulePath(module) for module, _, _ in parts[:-1])
    if any(_SENTINEL in module for module in modules):
        return (), ()
    return modules, tuple(class_name for _, _, class_name in parts[:-1])


def running(claim: Claim) -> tuple[ModulePath, ...]:
    """Return the modules that were running when a node was made, the root first.

    If a norm was folded into the node, its module ran in place of the norm.

    Returns:
        () if the claim comes from another witness, or if weights or names corrected the recorded module.
    """
    if claim.source is Source.PARAMETER and _WITH_NORM in claim.detail:
        return (*_modules_in(claim.detail.partition(_WITH_NORM)[2])[:-1], claim.module)
    modules = _modules_in(claim.detail) if claim.source is Source.EXPORTER else ()
    return modules if modules and modules[-1] == claim.module else ()


def _modules_in(text: str) -> tuple[ModulePath, ...]:
    """Return the modules in a node's lists or namespace."""
    if text.startswith("["):
        return _from_lists(text.rpartition(", ")[0], "")[0]
    return _from_namespace(text)[0]


def operator(claim: Claim) -> str:
    """Return torch.fx's name of a node's operator; '' if the claim comes from another witness.

    For a claim that was read from the lists and then corrected, return the note at the end of its detail,
    which is no name of an operator.
    """
    return _operator_in(claim.detail) if claim.source is Source.EXPORTER else ""


def _operator_in(text: str) -> str:
    """Return torch.fx's name of the operator at the end of a node's lists or namespace."""
    if text.startswith("["):
        return text.rpartition(", ")[2].strip("]'\"")
    return text.rpartition("/")[2].partition(": ")[0]


@once_per_index
def folded_from(graph: GraphIndex) -> Mapping[int, tuple[str, ...]]:
    """Return initializer that the exporter's optimizer computed -> the values that it was computed from."""
    read = {value: _parse_list(get(info, FOLDED_FROM) or "") for value, info in graph.described.items()}
    return {value: origin for value, origin in read.items() if origin}


def _of_replaced(graph: GraphIndex, stacks: Collection[int], parameters: Collection[str]) -> Iterator[Claim]:
    """Yield claims on nodes that read a weight in place of one that the exporter computed from a parameter.

    A quantiser replaces the weight (`val_9_Q4` for `val_9`) and its readers; the record about `val_9` stays.
    """
    records = {info.name: info for info in graph.bodies[0].proto.value_info} if parameters else {}
    for value in graph.initializers if records else ():
        name = str(graph.value_names[value])
        info = records.get(_replaced_by(name))
        origins = _parse_list(get(info, FOLDED_FROM) or "") if info is not None and info.name != name else ()
        known = [origin for origin in origins if origin in parameters]
        if len(known) != 1 or not (owner := ModulePath(known[0]).parent):
            continue
        readers = dict.fromkeys(graph.readers[value])
        readers |= dict.fromkeys(
            n for r in readers if dequantised_by(graph, r) != NONE for n in graph.successors(r)
        )
        rule = PlacementRule.OWN_WEIGHT if len(graph.readers[value]) == 1 else PlacementRule.SHARED_WEIGHT
        for node in readers:
            if node not in stacks:
                detail = f"{name}, made from {known[0]}"
                yield Claim(node, owner, None, Source.PARAMETER, None, detail, rule)


def _replaced_by(name: str) -> str:
    """Return the weight in whose place a tensor stands, or whose scale or zero point it is; else the name."""
    ending = next((ending for ending in HELPING if name.endswith(ending)), "")
    return parameter_named_by(name.removesuffix(ending))


def _folded(graph: GraphIndex, parameters: Mapping[str, str]) -> list[ParameterClaim]:
    """Return claims on initializers that the optimizer made by transposing a parameter.

    The optimizer recorded the parameter alone. The readers show the transposition: they are parts of torch's
    linear, which takes the parameter as (out, in), and ONNX's MatMul takes (in, out).
    """
    targets = {target: name for name, target in parameters.items()}
    found = []
    for value, origin in folded_from(graph).items() if targets else ():
        if len(origin) != 1 or origin[0] not in targets:
            continue
        operators = [get(graph.nodes[reader], FX_NODE) or "" for reader in graph.readers[value]]
        if operators and all(_multiplies_by(targets[origin[0]], operator) for operator in operators):
            name = graph.value_names[value]
            found.append(ParameterClaim(name, ModulePath(origin[0]), True, Source.EXPORTER))
    return found


def _multiplies_by(parameter: str, fx_node: str) -> bool:
    return "aten.linear" in fx_node and f"%{parameter}" in re.findall(r"%\w+", fx_node)


@once_per_index
def signature(graph: GraphIndex) -> Mapping[str, str]:
    """Return name of a parameter or buffer in the traced program -> its dotted name in the module."""
    return dict(_SIGNATURE_LINE.findall(read(graph.bodies[0].proto).get(GRAPH_SIGNATURE, "")))
