"""Names that tools make of the names they found, and nodes that stand for several.

==============================================  ========================================================
`/x/MatMul/MatMulAddFusion`                     onnxruntime: the fused node after one of those it replaces
`/x/Mul/QuickGeluFusion/`                       the same; such endings pile up
`fused /fc/Gemm`                                onnxruntime: an activation drawn into what feeds it
`/x/MatMul_output_0_pre_reshape`                onnxslim, quantisers: after a value, whatever follows it
`/x/MatMul_quant_scales_mul`                    quantisers: after the node replaced
`InsertedPrecisionFreeCast_/x/Add_output_0`     onnxruntime: after the value read, which says nothing
`/x/Gelu_output_0_QuantizeLinear`               quantisers: the same
`_inlfunc_Block_token_3_node_linear`            onnxruntime: a node of a function that was inlined
`fc.weight_quantized`, `fc.weight_Q4`           quantisers: the weight; scales stand beside it
`ConvBnFusion_W_conv.weight`                    onnxruntime: the weight, another one folded into it
==============================================  ========================================================

A node named after the value that it reads stands between the maker of that value and its own readers, and
serves the readers; its name is no evidence. Nodes that write values named after the value that they lead to
(`linear_4_output_quantized`, `linear_4_output_quantized_cast`, `linear_4`) are the parts of one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from rewriter.evidence.claim import SHOWN, Claim, Source
from rewriter.model.graph import NONE, GraphIndex
from rewriter.paths import ModulePath, common_ancestor

_FUSION = re.compile(r"(?:/+\w*Fusion(?:_quant)?/*)+$")
_QUANTISED = re.compile(r"(?:_Transposed)?_(?:quantized|Q2|Q4|Q8|Bnb4)$")
_PREFIX = re.compile(r"^(?:fused |(?:_inlfunc_\w+?_)(?=/))")
_FOLDED = re.compile(r"^Conv(?:Bn|Mul|Add)Fusion_(?:BN_|Mul_|Add_)?[WB]_")
_TAIL = re.compile(r"(_output_\d+)(?:quant_scaled_output|[_:][^/]*)$")
_COUNTED = re.compile(r"_?\d+$")
_FOLLOWS = re.compile(r"^gemm_output_reshape(?:_token_\d+)?$|^graph_output_cast_?\d+$|_post_reshape$")
_PREFIXES = ("fused ", "_inlfunc_")  # looked for first: searching for a pattern costs ten times as much
_OUTPUT = "_output_"
_INSERTED = "InsertedPrecisionFreeCast_"

_CONVOLUTIONS = frozenset({"Conv", "ConvInteger", "FusedConv"})
_ACTIVATED = frozenset({"FusedConv", "FusedGemm"})
SKIPPING = frozenset({"SkipLayerNormalization", "SkipSimplifiedLayerNormalization"})
"""Fused operators named after the module at their end that begin where the residual is added."""


def node_named_by(name: str) -> str:
    """The name of the node that a name was made of; the name itself where it is nobody's making."""
    if name.startswith(_PREFIXES):
        name = _PREFIX.sub("", name)
    return _FUSION.sub("", name) if "Fusion" in name else name


def value_named_by(name: str) -> str:
    """`/x/MatMul_output_0_gemm_out` -> `/x/MatMul_output_0`."""
    return _TAIL.sub(r"\1", name) if _OUTPUT in name else name


def parameter_named_by(name: str) -> str:
    """`fc.weight_quantized` -> `fc.weight`, `ConvBnFusion_W_conv.weight` -> `conv.weight`."""
    return _FOLDED.sub("", _QUANTISED.sub("", name))


def is_named_transposed(name: str) -> bool:
    """Whether a quantiser transposed the weight: `fc.weight_Transposed_quantized`."""
    found = _QUANTISED.search(name)
    return found is not None and found[0].startswith("_Transposed")


def is_named_after_input(graph: GraphIndex, node: int, name: str) -> bool:
    """Whether the name of a node is that of a value that it reads, with something in front or behind."""
    if not isinstance(name, str) or not name:
        return False
    if name.startswith(_INSERTED):
        return True
    for value in graph.reads[node]:
        read = graph.value_names[value] if value != NONE else ""
        # Compared first without making a new text, which is rarely needed; bytes where it is not UTF-8.
        if read and isinstance(read, str) and name.startswith(read) and name.startswith("_", len(read)):
            return True
    return False


def is_fused(operator: tuple[str, str]) -> bool:
    """Whether an operator (its domain and type) is one of those that a tool fuses several into."""
    domain, op_type = operator
    return domain == "com.microsoft" or str(op_type).startswith("Fused")  # bytes where it is not UTF-8


def mend(graph: GraphIndex, claims: list[list[Claim]], barred: Set[int] = frozenset()) -> None:
    """Correct the winners on nodes that stand for several, and place those that follow another.

    What an earlier run of ours wrote on a node stays: it knew the node itself. Nothing is said of `barred`
    nodes.
    """
    for last, parts in _assemblies(graph, claims).items():
        _place_together(graph, last, [part for part in parts if part not in barred], claims)
    known = [of_node[0].module if of_node else None for of_node in claims]
    several = {operator for operator in set(graph.operators) if operator[1] in SKIPPING or is_fused(operator)}
    for node, of_node in enumerate(claims):
        if not of_node:
            if node not in barred and (followed := _followed(graph, node, known)) is not None:
                detail = f"follows a node in {followed[:SHOWN]}"
                of_node.append(Claim(node, followed, None, Source.DATAFLOW, None, detail))
                known[node] = followed
        elif (graph.operators[node] in several or _is_blocked(graph, node)) and not _is_sure(of_node[0]):
            module = _of_all_parts(graph, node, of_node, known)
            if module is not None and module != of_node[0].module:
                detail = f"{of_node[0].detail}, fused with others"
                of_node[0] = of_node[0]._replace(module=module, class_name=None, call=None, detail=detail)


def _is_sure(claim: Claim) -> bool:
    """Whether it was made with more of the file intact."""
    return claim.source is Source.LIKE or claim.detail.startswith("rewriter.module=")


def _by_parameter(claim: Claim) -> bool:
    """Whether no more than a parameter tells of a node, now and when an earlier run read the file."""
    return claim.source is Source.PARAMETER and not _is_sure(claim)


def _assemblies(graph: GraphIndex, claims: Sequence[Sequence[Claim]]) -> dict[int, list[int]]:
    """The last of the nodes that a tool made of one -> all of them, the last first."""
    last_of = [NONE] * len(graph.nodes)
    assemblies: dict[int, list[int]] = {}
    for node in reversed(range(len(graph.nodes))):
        last = last_of[node] = _leads_to(graph, node, last_of, assemblies, claims)
        if last != node:
            assemblies.setdefault(last, [last]).append(node)
        elif _hides_norm(graph, node):
            assemblies[node] = [node]
    return assemblies


def _leads_to(
    graph: GraphIndex,
    node: int,
    last_of: Sequence[int],
    assemblies: dict[int, list[int]],
    claims: Sequence[Sequence[Claim]],
) -> int:
    """The last of the nodes that `node` is a part with; itself where it is whole."""
    reader = _only_reader(graph, node)
    last = last_of[reader] if reader != NONE else NONE
    if last == NONE:
        return node
    own, end = _writes(graph, node), _writes(graph, last)
    if end and own.startswith(end) and own != end and not _COUNTED.fullmatch(own[len(end) :]):
        return last
    if not claims[node] or not _by_parameter(claims[node][0]) or len(assemblies.get(last, ())) <= 1:
        return node
    name = str(graph.names[node])
    return last if name and own.startswith(name) else node


def _only_reader(graph: GraphIndex, node: int) -> int:
    """The one node that reads what `node` writes; NONE where there is none, or several."""
    values = graph.writes[node]
    if len(values) == 1 and values[0] != NONE:  # as nearly always
        readers = graph.readers[values[0]]
    else:
        readers = [*{*graph.successors(node)}]
    return readers[0] if len(readers) == 1 else NONE


def _writes(graph: GraphIndex, node: int) -> str:
    """The name of the first value a node writes; '' for a node that writes none."""
    writes = graph.writes[node]
    return str(graph.value_names[writes[0]]) if writes and writes[0] != NONE else ""


def _hides_norm(graph: GraphIndex, node: int) -> bool:
    """Whether a convolution writes a result of several: those of the batch norm that was folded into it.

    Torch calls such results `getitem`. Which module the norm was nothing tells.
    """
    folded = graph.operators[node][1] in _CONVOLUTIONS
    return folded and _writes(graph, node).startswith("getitem")


def _place_together(graph: GraphIndex, last: int, parts: Sequence[int], claims: list[list[Claim]]) -> None:
    """Place parts that no more than a parameter tells of with the others."""
    sure = [c[0] for part in parts if (c := claims[part]) and not _by_parameter(c[0])]
    told = [c[0] for part in parts if (c := claims[part]) and _by_parameter(c[0])]
    module = common_ancestor(sorted({claim.module for claim in sure or told}))
    if not sure and module and any(_hides_norm(graph, part) for part in parts):
        module = module.parent
    if module is None:
        return
    detail = f"a part of what writes {_writes(graph, last)[:SHOWN]}"
    for part in parts:
        first = claims[part][0] if claims[part] else None
        if first is None or (_by_parameter(first) and first.module != module):
            claims[part].insert(0, Claim(part, module, None, Source.DATAFLOW, None, detail))


def _of_all_parts(
    graph: GraphIndex, node: int, claims: list[Claim], known: Sequence[ModulePath | None]
) -> ModulePath | None:
    """What the modules of all that a fused node stands for have in common."""
    module = claims[0].module
    op_type = graph.operators[node][1]
    if op_type in SKIPPING:
        if _agrees_with_weight(graph, node, claims):
            return module
        return _across(graph, node, module, known)
    if op_type in _ACTIVATED and claims[0].source is Source.PARAMETER and module.parent is not None:
        return module.parent  # with an activation that has no name left
    if _is_blocked(graph, node):
        return module.parent if module.parent is not None else module  # named after the activation
    owners = {c.module for c in claims if c.source in (Source.PARAMETER, Source.OWN_TAG)}
    return common_ancestor((module, *sorted(owners)))


def _agrees_with_weight(graph: GraphIndex, node: int, claims: Sequence[Claim]) -> bool:
    """Whether a node's own name and its weight say the same, and no tool made that name of another."""
    name = str(graph.names[node])
    owners = {claim.module for claim in claims if claim.source is Source.PARAMETER}
    named = claims[0].source is Source.SCOPE_NAME and node_named_by(name) == name
    return named and owners == {claims[0].module}


def _is_blocked(graph: GraphIndex, node: int) -> bool:
    """Whether a node is one that onnxruntime gave another layout and an activation."""
    return "activation" in graph.attributes[node] and str(graph.names[node]).endswith("_nchwc")


def _across(
    graph: GraphIndex, node: int, module: ModulePath, known: Sequence[ModulePath | None]
) -> ModulePath | None:
    """The sum that a fused norm begins with stands where the norm and the nearest of what feeds it meet."""
    places = (known[other] for other in graph.predecessors(node))
    meetings = [meet for p in places if p is not None and (meet := common_ancestor((module, p))) is not None]
    return max(meetings, key=lambda meeting: meeting.depth, default=module.parent or module)


def _followed(graph: GraphIndex, node: int, known: Sequence[ModulePath | None]) -> ModulePath | None:
    """The module of the one node that another was put behind, to give its result the form it had before."""
    if graph.operators[node][1] == "ReorderOutput" or _FOLLOWS.search(str(graph.names[node])):
        return next(
            (place for other in graph.predecessors(node) if (place := known[other]) is not None), None
        )
    return None
