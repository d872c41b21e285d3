"""Adds the functions of a piece to a model; one gets a new name if the model has another of its name."""

from __future__ import annotations

from onnx import FunctionProto, ModelProto, NodeProto

from rewriter.model.index.functions import Identity, called_by, identity_of
from rewriter.model.index.graph import graphs_of, with_inner
from rewriter.model.operator_set.ir_version import WITH_METADATA, allow_functions
from rewriter.model.operator_set.operator_names import names as operator_names
from rewriter.passes.functions.value_names import UsedNames


def add_functions(model: ModelProto, piece: ModelProto) -> dict[Identity, str]:
    """Add functions to a model in place; return function of the piece -> its new name, if it has one.

    A function that the model has already, with equal bytes, is not added again.
    """
    there = {identity_of(function): function for function in model.functions}
    renamed: dict[Identity, str] = {}
    taken = UsedNames(
        {*operator_names(), *(function.name for function in (*model.functions, *piece.functions))}
    )
    others = [f for f in piece.functions if there.get(identity_of(f)) != f]
    clashing = {identity_of(f) for f in others if identity_of(f) in there}
    # A function that calls a renamed one differs from a function of the model that calls the old one.
    while more := {
        identity_of(f) for f in piece.functions if identity_of(f) not in clashing and _calls(f, clashing)
    }:
        clashing |= more
    for function in piece.functions:
        if (identity := identity_of(function)) in clashing:
            renamed[identity] = taken.fresh(function.name)
    for function in piece.functions:
        identity = identity_of(function)
        if identity in renamed or identity not in there:
            added = model.functions.add()
            added.CopyFrom(function)
            added.name = renamed.get(identity, function.name)
            for node in added.node:
                call_by(node, renamed)
    if piece.functions:
        allow_functions(model)
    if any(function.overload for function in piece.functions):
        model.ir_version = max(model.ir_version, WITH_METADATA)
    return renamed


def call_by(node: NodeProto, functions: dict[Identity, str]) -> None:
    """Make a node and the nodes in its bodies call functions by their new names."""
    node.op_type = functions.get(called_by(node), node.op_type)
    for attribute in node.attribute:
        for graph in graphs_of(attribute):
            for inner in graph.node:
                call_by(inner, functions)


def _calls(function: FunctionProto, functions: set[Identity]) -> bool:
    return any(called_by(inner) in functions for node in function.node for inner in with_inner(node))
