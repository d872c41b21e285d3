"""The verbs that cut a model, each as a dataclass of its options; the docstring is the help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.declaration import Verb, argument, option
from rewriter.modules.selection import Selection
from rewriter.options.groups import (
    PATTERNS,
    CopyData,
    Output,
    Pieces,
    Printing,
    SideInputs,
)
from rewriter.runtime.limits import ChildLimits


@dataclass(frozen=True, kw_only=True)
class ExtractOptions(
    Verb,
    Selection,
    Output,
    SideInputs,
    Pieces,
    ChildLimits,
    CopyData,
    Printing,
    omit=("shapes",),
    arguments=PATTERNS,
):
    """Write modules of MODEL as a model of their own, which gives what they give in the whole.

    PATTERNS are globs over module paths; the modules that fit become one model. Whatever they read and do not
    compute is an input, with the type that it has in MODEL; weights and constants come along. The result is
    checked by onnx's full checker and run on the values that the whole model computes.

    \b
      rewriter extract bert.onnx encoder.layer.0 -o layer.onnx
      rewriter extract bert.onnx 'encoder.layer.[0-3]' -o layers.onnx
      rewriter extract shared.onnx block --call 1 -o second.onnx
    """

    model: Path = argument()
    call: int | None = option(None, "Which call, from 0, of modules that are called several times.", least=0)


@dataclass(frozen=True, kw_only=True)
class SplitOptions(Verb, SideInputs, Pieces, ChildLimits, CopyData, Printing, omit=("shapes",)):
    """Cut MODEL into a chain of models that together compute what it does.

    A cut stands before the first node of a module, in execution order. DIR gets part-0.onnx, part-1.onnx ...
    and split.json, which tells where every input of a part comes from: an earlier part, or the inputs of
    MODEL. The chain is run and compared with MODEL.

    \b
      rewriter split bert.onnx --at encoder.layer.1 -o halves
      rewriter split bert.onnx --at 'encoder.layer.[1-9]' -o layers
    """

    model: Path = argument()
    at: tuple[str, ...] = option(
        (),
        "Cut before this module, or before all that fit a glob; MODULE@1 is its second call. May be given "
        "again.",
        metavar="MODULE",
        completes="modules",
        required=True,
    )
    output: Path = option(None, "The folder for the parts.", short="-o", metavar="DIR", required=True)
