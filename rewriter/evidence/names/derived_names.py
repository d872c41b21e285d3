"""Reads names that tools derive from other names, and places nodes that stand for several original nodes.

===========================================  ===============================================================
derived name                                 named by and after
===========================================  ===============================================================
`/x/MatMul/MatMulAddFusion`                  onnxruntime: one of the nodes that a fused node replaces
`/x/Mul/QuickGeluFusion/`                    the same; a node fused several times has several such endings
`fused /fc/Gemm`                             onnxruntime: the node into which an activation was fused
`/x/MatMul_output_0_pre_reshape`             onnxslim, quantisers: a value, with any ending
`/x/MatMul_quant_scales_mul`                 quantisers: the replaced node
`InsertedPrecisionFreeCast_/x/Add_output_0`  onnxruntime: the value that the node reads; no evidence
`/x/Gelu_output_0_QuantizeLinear`            quantisers: the value that the node reads; no evidence
`_inlfunc_Block_token_3_/fc/MatMul`          onnxruntime: a node of an inlined function
`/x/MatMul/duplicated`                       onnxruntime: the copied node
`fc.weight_quantized`, `fc.weight_DQ_Q4`     quantisers: the weight; names of its scales have other endings
`ConvBnFusion_W_conv.weight`                 onnxruntime: a weight, after another one was folded into it
`ConvBnFusion_BN_B_bn.bias`                  onnxruntime: the bias of the node with that weight
===========================================  ===============================================================

A node named after the value that it reads stands between the producer and the readers of that value. Such a
node is placed with its own readers; its name is no evidence. Nodes whose outputs are named after the value
that they lead to (`linear_4_output_quantized`, then `linear_4_output_quantized_cast`, then `linear_4`)
replace one original node.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from rewriter.evidence.certainty import PlacementRule
from rewriter.evidence.claims import SHOWN, Claim, Source
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath, common_ancestor

_FUSION = re.compile(r"\w*Fusion(?:_quant)?|duplicated")
_QUANTISED = re.compile(r"(?:_Transposed|_DQ)?_(?:quantized|Q2|Q4|Q8|Bnb4)$")
_PREFIX = re.compile(r"^(?:fused |(?:_inlfunc_\w+?_)(?=/))")
_FOLDED = re.compile(r"^(?:Conv(?:Bn|Mul|Add)Fusion_(?:BN_|Mul_|Add_)?[WB]|MatMulBnFusion_GemmB)_")
_FOLDED_PREFIXES = ("Conv", "MatMulBnFusion_")
_FOLDED_IN = re.compile(r"^Conv(?:Bn|Mul|Add)Fusion_(?:BN|Mul|Add)_B_")
_NORM_BIAS = "ConvBnFusion_BN_B_"
_TAIL = re.compile(r"(_output_\d+)(?:quant_scaled_output|[_:][^/]*)$")
_COUNTED = re.compile(r"_?\d+$")
_FOLLOWS = re.compile(r"^gemm_output_reshape(?:_token_\d+)?$|^graph_output_cast_?\d+$|_post_reshape$")
_PREFIXES = ("fused ", "_inlfunc_")  # checked first: a regular expression costs ten times as much
_OUTPUT = "_output_"
_INSERTED = "InsertedPrecisionFreeCast_"

PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Operators into which exporters and tools fold the batch norm behind them."""
_ACTIVATION = "activation"
"""The attribute in which onnxruntime notes an activation that it fused into a node."""
_ACTIVATED = frozenset({"FusedConv", "FusedGemm"})
SKIPPING = frozenset({"SkipLayerNormalization", "SkipSimplifiedLayerNormalization"})
"""Fused operators that add the residual and then normalise; their nodes are named after the norm."""


def node_named_by(name: str) -> str:
    """Return the name of the node that a name was derived from; the name itself if it is not derived."""
    if name.startswith(_PREFIXES):
        name = _PREFIX.sub("", name)
    return _without_fusions(name) if "Fusion" in name or name.endswith("/duplicated") else name


def _without_fusions(name: str) -> str:
    """Remove the words at the end that onnxruntime appends to the name of a node, once for each fusion.

    A regular expression for all words would try every word as the first, in quadratic time.
    """
    end, word = len(name), len(name.rstrip("/"))
    while (start := name.rfind("/", 0, word)) >= 0 and _FUSION.fullmatch(name, start + 1, word):
        while start and name[start - 1] == "/":
            start -= 1
        end = word = start
    return name[:end]


def value_named_by(name: str) -> str:
    """Return the value that a name is derived from; the name itself if it is not derived.

    `/x/MatMul_output_0_gemm_out` is derived from `/x/MatMul_output_0`.
    """
    if _OUTPUT not in name:
        return name
    scope, slash, local = name.rpartition("/")  # searching the whole name would take quadratic time
    return scope + slash + _TAIL.sub(r"\1", local)


def parameter_named_by(name: str) -> str:
    """Return the parameter that a name is derived from; the name itself if it is not derived.

    `fc.weight_quantized` is derived from `fc.weight`.
    """
    if "_Q" in name or "_quantized" in name or "_Bnb4" in name:
        name = _QUANTISED.sub("", name)
    return _FOLDED.sub("", name) if name.startswith(_FOLDED_PREFIXES) else name


def is_named_folded(name: str) -> bool:
    """Whether a name is derived from a parameter into which another one was folded."""
    return isinstance(name, str) and name.startswith(_FOLDED_PREFIXES) and bool(_FOLDED.match(name))


def is_folded_in(name: str) -> bool:
    """Whether a name is derived from a parameter that was folded into the layer before it."""
    return name.startswith("Conv") and bool(_FOLDED_IN.match(name))


def is_of_folded_norm(name: str) -> bool:
    """Whether a name is derived from the bias of a batch norm that was folded into the layer before it."""
    return name.startswith(_NORM_BIAS)


def is_named_transposed(name: str) -> bool:
    """Whether a name shows that a quantiser transposed the weight: `fc.weight_Transposed_quantized`."""
    found = _QUANTISED.search(name) if "_Transposed" in name else None
    return found is not None and found[0].startswith("_Transposed")


def is_named_after_input(graph: GraphIndex, node: int, name: str) -> bool:
    """Whether a node is named after a value that it reads: `<value>_...`, or by onnxruntime's prefix."""
    if not isinstance(name, str) or not name:
        return False
    if name.startswith(_INSERTED):
        return True
    for value in graph.reads[node]:
        read = graph.value_names[value] if value != NONE else ""
        # Both tests work without a new string. A name that is not UTF-8 is bytes.
        if read and isinstance(read, str) and name.startswith(read) and name.startswith("_", len(read)):
            return True
    return False


def is_fused(operator: tuple[str, str]) -> bool:
    """Whether tools fuse several operators into this one (domain and type); all of `com.microsoft` count."""
    domain, op_type = operator
    return domain == "com.microsoft" or str(op_type).startswith("Fused")  # bytes for names that are not UTF-8


def correct_derived(
    graph: GraphIndex, claims: list[list[Claim]], not_inferred: Set[int] = frozenset()
) -> None:
    """Correct the claims on nodes that stand for several original nodes, and place nodes that tools added.

    The nodes that a tool made from one original node are placed together (see `_place_together`).
    Claims that are sure stay (see `_is_sure`). Nodes in `not_inferred` get no new claims.
    """
    for last, parts in _assemblies(graph, claims).items():
        _place_together(graph, last, [part for part in parts if part not in not_inferred], claims)
    known = [of_node[0].module if of_node else None for of_node in claims]
    several = {operator for operator in set(graph.operators) if operator[1] in SKIPPING or is_fused(operator)}
    activated = {names for names in set(graph.attributes) if _ACTIVATION in names}
    may_be_fused = bool(several or activated)
    for node, of_node in enumerate(claims):
        if not of_node:
            if node not in not_inferred and (followed := _followed(graph, node, known)) is not None:
                detail = f"follows a node in {followed[:SHOWN]}"
                of_node.append(
                    Claim(node, followed, None, Source.DATAFLOW, None, detail, PlacementRule.FOLLOWS)
                )
                known[node] = followed
        elif (
            may_be_fused
            and (graph.operators[node] in several or _is_blocked(graph, node))
            and not _is_sure(of_node[0])
        ):
            module = _of_all_parts(graph, node, of_node, known)
            if module is not None and module != of_node[0].module:
                detail, rule = f"{of_node[0].detail}, fused with others", PlacementRule.FUSED
                of_node[0] = of_node[0]._replace(
                    module=module, class_name=None, call=None, detail=detail, rule=rule
                )


def _is_sure(claim: Claim) -> bool:
    """Whether the claim comes from the given original or from `rewriter.module` on the node.

    A run before the fusion saw the original nodes; a run after the fusion has already corrected its claims.
    """
    return claim.source is Source.LIKE or claim.detail.startswith("rewriter.module=")


def _by_parameter(claim: Claim) -> bool:
    """Whether a claim comes from a parameter that this run read, not from an earlier run."""
    return claim.source is Source.PARAMETER and not _is_sure(claim)


def _assemblies(graph: GraphIndex, claims: Sequence[Sequence[Claim]]) -> dict[int, list[int]]:
    """Return last node -> all nodes that a tool made from the same original node, the last first."""
    last_of = [NONE] * len(graph.nodes)
    written = [_writes(graph, node) for node in range(len(graph.nodes))]
    assemblies: dict[int, list[int]] = {}
    for node in reversed(range(len(graph.nodes))):
        reader = _only_reader(graph, node)
        last = last_of[reader] if reader != NONE else NONE
        if last == NONE or not _leads_to(graph, node, last, written, assemblies, claims):
            last = node
        last_of[node] = last
        if last != node:
            assemblies.setdefault(last, [last]).append(node)
    return assemblies


def _leads_to(
    graph: GraphIndex,
    node: int,
    last: int,
    written: Sequence[str],
    assemblies: dict[int, list[int]],
    claims: Sequence[Sequence[Claim]],
) -> bool:
    """Whether a node was made from the same original node as `last`, behind the only reader of its output.

    Args:
        graph: the model.
        node: the node.
        last: the last of the nodes made from the same original node as that reader.
        written: node -> the name of its first output.
        assemblies: the nodes found so far.
        claims: node -> its claims, the winner first.
    """
    own, end = written[node], written[last]
    if end and own.startswith(end) and own != end and not _COUNTED.fullmatch(own[len(end) :]):
        return True
    if len(assemblies.get(last, ())) <= 1 or not claims[node] or not _by_parameter(claims[node][0]):
        return False
    name = str(graph.names[node])
    return bool(name) and own.startswith(name)


def _only_reader(graph: GraphIndex, node: int) -> int:
    """Return the only node that reads an output of `node`; NONE for none or several."""
    values = graph.writes[node]
    if len(values) == 1 and values[0] != NONE:  # the usual case
        readers = graph.readers[values[0]]
    else:
        readers = [*{*graph.successors(node)}]
    return readers[0] if len(readers) == 1 else NONE


def _writes(graph: GraphIndex, node: int) -> str:
    """Return the name of the first output of a node; '' if the node omits it."""
    writes = graph.writes[node]
    return str(graph.value_names[writes[0]]) if writes and writes[0] != NONE else ""


def _place_together(graph: GraphIndex, last: int, parts: Sequence[int], claims: list[list[Claim]]) -> None:
    """Place the parts that have no claim, or whose winner is by a parameter.

    Their module is the common ancestor of the other winners. Without other winners, it is the common ancestor
    of the owners of the parameters.
    """
    sure = [c[0] for part in parts if (c := claims[part]) and not _by_parameter(c[0])]
    told = [c[0] for part in parts if (c := claims[part]) and _by_parameter(c[0])]
    module = common_ancestor(sorted({claim.module for claim in sure or told}))
    if module is None:
        return
    detail = f"a part of the node that writes {_writes(graph, last)[:SHOWN]}"
    for part in parts:
        first = claims[part][0] if claims[part] else None
        if first is None or (_by_parameter(first) and first.module != module):
            claims[part].insert(
                0, Claim(part, module, None, Source.DATAFLOW, None, detail, PlacementRule.PART)
            )


def _of_all_parts(
    graph: GraphIndex, node: int, claims: list[Claim], known: Sequence[ModulePath | None]
) -> ModulePath | None:
    """Return the lowest module that may hold all operators that a fused node stands for."""
    module = claims[0].module
    op_type = graph.operators[node][1]
    if op_type in SKIPPING:
        if _agrees_with_weight(graph, node, claims):
            return module
        return _across(graph, node, module, known)
    if op_type in _ACTIVATED and claims[0].source is Source.PARAMETER and module.parent is not None:
        return module.parent  # the activation left no name; the parent may hold both
    if _is_blocked(graph, node):
        return module.parent if module.parent is not None else module  # the activation gave the name
    owners = {c.module for c in claims if c.source in (Source.PARAMETER, Source.OWN_TAG)}
    return common_ancestor((module, *sorted(owners)))


def _agrees_with_weight(graph: GraphIndex, node: int, claims: Sequence[Claim]) -> bool:
    """Whether the name of a node is not derived, and shows the same module as the owner of its weight."""
    name = str(graph.names[node])
    owners = {claim.module for claim in claims if claim.source is Source.PARAMETER}
    named = claims[0].source is Source.SCOPE_NAME and node_named_by(name) == name
    return named and owners == {claims[0].module}


def _is_blocked(graph: GraphIndex, node: int) -> bool:
    """Whether onnxruntime changed the layout of a node and fused an activation into it."""
    return _ACTIVATION in graph.attributes[node] and str(graph.names[node]).endswith("_nchwc")


def _across(
    graph: GraphIndex, node: int, module: ModulePath, known: Sequence[ModulePath | None]
) -> ModulePath | None:
    """Return the module of the sum in a fused norm: the lowest that holds the norm and a placed producer.

    Without a placed producer, it is the parent of the norm, or the root if the norm is placed there.
    """
    places = (known[other] for other in graph.predecessors(node))
    meetings = [meet for p in places if p is not None and (meet := common_ancestor((module, p))) is not None]
    above = module if module.parent is None else module.parent
    return max(meetings, key=lambda meeting: meeting.depth, default=above)


def _followed(graph: GraphIndex, node: int, known: Sequence[ModulePath | None]) -> ModulePath | None:
    """Return the module of the first placed producer if a tool added the node to restore a layout or type.

    None for any other node.
    """
    if graph.operators[node][1] == "ReorderOutput" or _FOLLOWS.search(str(graph.names[node])):
        return next(
            (place for other in graph.predecessors(node) if (place := known[other]) is not None), None
        )
    return None
