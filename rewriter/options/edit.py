"""Options of the verbs that change a model: one dataclass per verb; its docstring is the help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.option_declaration import Verb, argument, option
from rewriter.modules.selection import Selection
from rewriter.options.groups import (
    PATTERNS,
    Output,
    PackData,
    Printing,
    Proof,
    SideInputs,
    Tolerances,
)
from rewriter.runtime.child_limits import ChildLimits


@dataclass(frozen=True, kw_only=True)
class ReplaceOptions(
    Verb,
    Selection,
    Output,
    SideInputs,
    Proof,
    Tolerances,
    ChildLimits,
    PackData,
    Printing,
    omit=("shapes",),
    arguments=PATTERNS,
):
    """Replace modules of MODEL by nodes of one operator, with their computation as its function body.

    PATTERNS are globs over module paths; each call of a matching module becomes one node. Its inputs are the
    values that the module reads, in order of first use, then its parameters, in order of their names, then
    other stored tensors. Attributes that differ between the modules become attributes of the operator. A
    runtime without a kernel of this name runs the body. The result is proved equal; 'rewriter flatten' undoes
    it. In a domain of a runtime, such as com.microsoft, the result is also loaded; if onnxruntime runs a
    kernel of its own, the tolerance (by default 1e-3 of the largest value) applies to its numbers.

    \b
      rewriter replace bert.onnx 'encoder.layer.*.attention' --with my.domain:FusedAttention -o fused.onnx
      rewriter replace bert.onnx --class GELUActivation --with com.microsoft:Gelu -o gelu.onnx
    """

    model: Path = argument()
    operator: str = option(
        None,
        "The domain and the name of the operator.",
        flag="--with",
        metavar="DOMAIN:NAME",
        required=True,
    )
