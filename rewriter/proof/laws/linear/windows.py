"""The law of windows: absent strides, pads, dilations and kernel shapes are written out.

Statement: absent `strides` and `dilations` are 1 on each spatial axis, absent `pads` 0, and the absent
`kernel_shape` of a Conv that of its weight.
Side conditions: the rank follows from the weight or from `kernel_shape`; `auto_pad` is NOTSET.
Argument: this is how ONNX defines the absent attributes, which have no default in the schema. Bits are
kept.
"""

from __future__ import annotations

from dataclasses import replace

from onnx import AttributeProto

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Attribute, Node


def _rewrite(node: Node, terms: Terms) -> int | None:
    kernel = node.value("kernel_shape")
    if node.operator == "Conv":
        weight = [dim.number for dim in terms.dims(node.inputs[1]) or ()][2:]
        if not weight or None in weight or kernel not in (None, tuple(weight)):
            return None
        kernel = tuple(weight)
    if not kernel or node.value("auto_pad", b"NOTSET") != b"NOTSET":
        return None
    count = len(kernel)
    absent: dict[str, tuple[int, ...]] = {
        "dilations": (1,) * count,
        "kernel_shape": kernel,
        "pads": (0,) * 2 * count,
        "strides": (1,) * count,
    }
    if node.operator == "AveragePool":
        del absent["dilations"]  # older versions have none
    found: dict[str, Attribute] = {each[0]: each for each in node.attributes}
    added = {
        name: (name, int(AttributeProto.INTS), value) for name, value in absent.items() if name not in found
    }
    if not added:
        return None
    complete = found | added
    return terms.make(replace(node, attributes=tuple(complete[name] for name in sorted(complete))))


WINDOWS = Law("windows", frozenset({"Conv", "AveragePool"}), _rewrite)
