"""Options of the verbs that cut a model: one dataclass per verb; its docstring is the help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.option_declaration import Verb, argument, option
from rewriter.modules.selection import Selection
from rewriter.options.groups import (
    PATTERNS,
    Output,
    PackData,
    Pieces,
    Printing,
    SideInputs,
)
from rewriter.runtime.child_limits import ChildLimits


@dataclass(frozen=True, kw_only=True)
class ExtractOptions(
    Verb,
    Selection,
    Output,
    SideInputs,
    Pieces,
    ChildLimits,
    PackData,
    Printing,
    omit=("shapes",),
    arguments=PATTERNS,
):
    """Write modules of MODEL as one model, which computes the same as these modules in MODEL.

    PATTERNS are globs over module paths; the matching modules become one model. Values that the modules read
    and do not compute become inputs, with their types in MODEL; weights and constants are copied. onnx's full
    checker checks the result, and onnxruntime runs it on the values that MODEL computes.

    \b
      rewriter extract bert.onnx encoder.layer.0 -o layer.onnx
      rewriter extract bert.onnx 'encoder.layer.[0-3]' -o layers.onnx
      rewriter extract shared.onnx block --call 1 -o second.onnx
    """

    model: Path = argument()
    call: str | None = option(
        None,
        "Number of the call, from 0, for modules that are called several times; or then, else or body, for "
        "the call in this body of If, Loop or Scan.",
        metavar="CALL",
    )


@dataclass(frozen=True, kw_only=True)
class SplitOptions(Verb, SideInputs, Pieces, ChildLimits, PackData, Printing, omit=("shapes",)):
    """Cut MODEL into a chain of models that together compute the same as MODEL.

    Each cut is before the first node of a module, in execution order. DIR gets part-0.onnx, part-1.onnx ...
    and split.json, which names the source of every input of a part: an earlier part, or an input of MODEL.
    The chain is run and compared with MODEL.

    \b
      rewriter split bert.onnx --at encoder.layer.1 -o halves
      rewriter split bert.onnx --at 'encoder.layer.[1-9]' -o layers
    """

    model: Path = argument()
    at: tuple[str, ...] = option(
        (),
        "Cut before this module, or before each module that matches a glob; MODULE@1 is its second call. May "
        "be given again.",
        metavar="MODULE",
        completes="modules",
        required=True,
    )
    output: Path = option(None, "The folder for the parts.", short="-o", metavar="DIR", required=True)
