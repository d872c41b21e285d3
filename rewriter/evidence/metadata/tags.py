"""Witness: tags that this tool and others leave on nodes.

`testify_own` reads the tags that `passes/annotate` wrote in an earlier run, so that a second run repeats the
first. `testify_values` reads the values that `annotate` recorded on the model. `testify_others` reads
`winml.hierarchy.tag` and `hierarchy_tag`, as metadata or attributes: a path of names from the exported module
down (`/BertModel/BertEncoder/BertLayer.0`), whose first entry is the root.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from onnx import ModelProto, NodeProto

from rewriter.evidence.certainty import PlacementRule
from rewriter.evidence.claims import Claim, Source, Testimony, earlier_rule
from rewriter.model.index.graph import GraphIndex
from rewriter.model.metadata import pick, read
from rewriter.paths import ModulePath

MODULE = "rewriter.module"
CLASS = "rewriter.class"
KIND = "rewriter.kind"
DEPTH = "rewriter.depth"
LEAF = "rewriter.leaf"
CALL = "rewriter.call"
EVIDENCE = "rewriter.evidence"
CERTAINTY = "rewriter.certainty"
"""On a placed node: `named`, `inferred` or `guessed`; without it, see `earlier_rule`."""
OF_NODES = frozenset({MODULE, CLASS, KIND, DEPTH, LEAF, CALL, EVIDENCE, CERTAINTY})
"""Keys that `annotate` writes on a placed node, besides `namespace`."""
TREE = "rewriter.tree"
"""On the model: the compact tree, `{"version": 1, "modules": [[path, class or null, calls], ...]}`."""
VALUES = "rewriter.values"
"""On the model: `{"version": 2, "values": [[path, [name, ...]], ...], "inferred": ..., "guessed": ...}`, the
modules that write those values of the main graph whose name has no scope, by certainty. `values` has the
named ones; in version 1, all of them. Most tools that replace a node keep the names of its outputs."""
TRANSPOSED = "rewriter.transposed"
"""On an initializer: it holds the transpose of the parameter it is named after."""
HOLDS = "rewriter.holds"
"""On an initializer that `restore_names` named, unless it has `TRANSPOSED`: its relation to the parameter."""
DIFFERS = "rewriter.differs"
"""On an initializer: the difference from the parameter it is named after, such as "computed by the exporter".
Dimensions of size 1 and transposition do not count."""
ORIGINAL_NAME = "rewriter.original_name"
"""On a node or initializer: its name before `restore_names`, '' for none. Witnesses read this name."""
UNPLACED = "none"
"""The `EVIDENCE` of a node that no witness placed: later runs infer its module only if users add evidence."""

ORDER = "rewriter.order"
"""On a call of a function that `group` made: the positions, in the flat graph, of the nodes of the function
that are no calls, in their order, as `3-5,9`. On the model: the same for the main graph."""

MOVED_TO = "rewriter.moved_to"
"""On a node: the call that `unshare` moved it to, as `<call> <module>`; `rewriter.module` still has the old
module, or is missing if the node was unplaced."""
COPY_OF = "rewriter.copy_of"
"""On a node that `unshare` made: the first output of the node it copies."""

INFOS = "rewriter.infos"
"""On a function that `group` made, and on the model: the positions of its `value_info` entries among those of
the flat graph."""
FLAT = "rewriter.flat"
"""On a function of several calls: how the nodes of the calls differ, see `passes.functions.call_record`."""
IR_VERSION = "rewriter.ir_version"
"""On the model: its IR version before `group` raised it, if `flatten` can restore it."""
SPELLED = "rewriter.spelled"
"""On a node that `group` moved: the nodes whose domain is `ai.onnx` in the flat graph and '' in the function,
as `0,3-5`. 0 is the node itself, 1 the first node in its graph bodies (see `graph.with_inner`)."""

TAPS = "rewriter.taps"
"""On the model: the outputs that `tap` added, and the names it made, as JSON; see `edits.taps.record`."""

INFERRED = "rewriter.inferred"
"""On a `value_info` that `group` added because onnx infers no type there; the flat file does not have it."""

PARAMETERS = "rewriter.parameters"
"""On a function: its inputs that are parameters, as JSON, in the order of the modules: name of the input ->
name inside the module."""

CONSTANTS = "rewriter.constants"
"""On a model that `group` made functions in: the initializers that are constants of the code, as JSON."""
EMBEDDED = "rewriter.embedded"
"""On a function: the inputs that `embed` made constants, `{"inputs": [[position, input, initializer]]}`.
On the model: the initializers that left it, `[[position, name, position of its value_info or -1]]`."""

_INLINED = "_inlfunc_"
_OTHERS = frozenset({"winml.hierarchy.tag", "hierarchy_tag"})
_OF_PLACEMENT = frozenset({MODULE, CLASS, CALL, EVIDENCE, CERTAINTY, MOVED_TO})
_PLACING_KEYS = frozenset({MODULE, EVIDENCE, MOVED_TO, ORDER})


OF_VALUES = {
    "values": PlacementRule.TEXT,
    "inferred": PlacementRule.EARLIER_INFERENCE,
    "guessed": PlacementRule.EARLIER_GUESS,
}
"""Keys of `VALUES`, and the rule of a claim from each."""


def testify_own(graph: GraphIndex) -> Testimony:
    """Return claims from the `rewriter.*` entries, each with the source that won in the earlier run.

    The source is OWN_TAG if the node names none or an unknown one. The certainty is that of the earlier run:
    a guess stays a guess. A node that was moved and never placed is claimed for the module that it was moved
    to, as a guess.
    """
    claims = []
    homes = {}
    unplaced = set()
    classes, calls, order = compact_tree(graph.model)
    for number, entries in graph.entries(_OF_PLACEMENT.intersection):
        evidence = entries.get(EVIDENCE, "")
        if home := entries.get(MOVED_TO):
            moved_call, _, moved_to = home.partition(" ")
            homes[number] = (ModulePath(moved_to), count_in(moved_call) or 0)
        if (text := entries.get(MODULE)) is None:
            if home:
                module, moved_at = homes[number]
                detail = f"{MOVED_TO}={home}"
                claims.append(
                    Claim(number, module, None, Source.DATAFLOW, moved_at, detail, PlacementRule.MOVED)
                )
            elif evidence == UNPLACED:
                unplaced.add(number)
            continue
        module = ModulePath(text)
        if class_name := entries.get(CLASS):
            classes[module] = class_name
        source = Source(evidence) if evidence in _SOURCES else Source.OWN_TAG
        call, rule = count_in(entries.get(CALL, "")), earlier_rule(entries.get(CERTAINTY), source)
        claims.append(Claim(number, module, class_name, source, call, f"{MODULE}={text}", rule))
    return Testimony(
        tuple(claims), classes, calls=calls, homes=homes, unplaced=frozenset(unplaced), order=order
    )


def testify_values(graph: GraphIndex) -> Testimony:
    """Return claims on nodes without tags that write a value whose module an earlier run recorded."""
    places = _noted_values(graph)
    claims: dict[str, list[Claim]] = {}
    for number, node in enumerate(graph.nodes) if places else ():
        if not _PLACING_KEYS.isdisjoint(graph.metadata_keys[number]):
            continue
        if name := next((found for name in node.output if (found := _recorded_name(name, places))), None):
            module, rule = places[name]
            claim = Claim(number, module, None, Source.OWN_TAG, None, f"{VALUES}: {name}", rule)
            claims.setdefault(name, []).append(claim)
    # A name occurs twice if a body was inlined for several calls. Its record is of the first call: no claim.
    return Testimony(tuple(claim for told in claims.values() if len(told) == 1 for claim in told))


def _recorded_name(name: str, places: Collection[str]) -> str:
    """Return the recorded name of a value; '' for none.

    Onnxruntime inlines `add_7` of a function `f` as `_inlfunc_f_add_7`, and for further calls as
    `_inlfunc_f_token_3_add_7`. The end of the function's name is ambiguous, so the longest match wins.
    """
    if name in places:
        return name
    if not isinstance(name, str) or not name.startswith(_INLINED):  # bytes if it is not UTF-8
        return ""
    rest = name.removeprefix(_INLINED)
    while rest and rest not in places:
        rest = rest.partition("_")[2]
    return rest


def _noted_values(graph: GraphIndex) -> dict[str, tuple[ModulePath, PlacementRule]]:
    try:
        recorded = json.loads(read(graph.model).get(VALUES, "{}"))
        version = recorded.get("version")
        return {
            name: (ModulePath(path), PlacementRule.EARLIER_INFERENCE if version == 1 else rule)
            for key, rule in OF_VALUES.items()
            for path, names in recorded.get(key, [])
            if isinstance(path, str)
            for name in names
        }
    except (ValueError, TypeError, AttributeError, RecursionError):  # another tool's entry, or a damaged one
        return {}


def count_in(text: str) -> int | None:
    """Return the number in an entry; None if the entry is no number of at most nine digits."""
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else None


def testify_others(graph: GraphIndex) -> Testimony:
    """Return claims from the tags of other tools."""
    claims = []
    tagged = {names for names in {*graph.metadata_keys, *graph.attributes} if not _OTHERS.isdisjoint(names)}
    for number, names in enumerate(zip(graph.metadata_keys, graph.attributes, strict=True)) if tagged else ():
        if not tagged.isdisjoint(names) and (tag := _tag(graph.nodes[number])):
            atoms = tag.strip("/").split("/")[1:]
            claims.append(Claim(number, ModulePath(".".join(atoms)), None, Source.OTHER_TAG, None, tag))
    return Testimony(tuple(claims))


_SOURCES = frozenset(Source)


def compact_tree(
    model: ModelProto,
) -> tuple[dict[ModulePath, str], dict[ModulePath, int], tuple[ModulePath, ...]]:
    """Return classes, calls and order of the modules from the compact tree.

    The tree is on the model, and remains if a tool drops the metadata of nodes.
    """
    try:
        modules = json.loads(read(model).get(TREE, "{}")).get("modules", [])
        known = [(ModulePath(path), name, count) for path, name, count in modules if isinstance(path, str)]
        classes = {path: name for path, name, _ in known if name and isinstance(name, str)}
        calls = {path: count for path, _, count in known if isinstance(count, int) and count >= 0}
    except (ValueError, TypeError, AttributeError, RecursionError):  # another tool's entry, or a damaged one
        return {}, {}, ()
    return classes, calls, tuple(path for path, _, _ in known)


def _tag(node: NodeProto) -> str:
    entries = pick(node, _OTHERS)
    for key in sorted(_OTHERS, reverse=True):  # prefer the key with a namespace
        if tag := entries.get(key):
            return tag
    for attribute in node.attribute:
        if attribute.name in _OTHERS:
            return attribute.s.decode("utf-8", "replace")
    return ""
