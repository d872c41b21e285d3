"""Options of the verbs that look at a model: one dataclass per verb; its docstring is the help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.literals import PrecisionWord, SubjectWord, WhatWord
from rewriter.basics.option_declaration import Verb, argument, option
from rewriter.modules.selection import Selection
from rewriter.options.groups import (
    PATTERNS,
    Config,
    Printing,
    SideInputs,
    Sizes,
)
from rewriter.options.words import FORMS, LINES, ORT_LAYERS, NamedKind
from rewriter.runtime.child_limits import ChildLimits


@dataclass(frozen=True, kw_only=True)
class TreeOptions(Verb, Selection, SideInputs, Config, Printing):
    """Show the module tree of MODEL: paths, classes, nodes, parameters and shares.

    \b
      rewriter tree bert.onnx --depth 3
      rewriter tree bert.onnx --only 'encoder.layer.*.attention'
      rewriter tree bert.onnx --reference config.json --checkpoint model.safetensors
      rewriter tree bert.quantised.onnx --like bert.onnx
      rewriter tree bert.onnx --compare-sources --truth bert.modules.json
      rewriter tree bert.onnx --conflicts
      rewriter tree bert.onnx --json | jq '.modules[] | select(.leaf)'
    """

    model: Path = argument()
    compare_sources: bool = option(
        False, "Show the claims of each witness, the agreement of the witnesses, and the time of each."
    )
    truth: Path | None = option(
        None,
        "With --compare-sources: the true modules of nodes, as a sidecar or as JSON, to judge witnesses by.",
        metavar="FILE",
    )
    conflicts: bool = option(
        False, "List the nodes with conflicting evidence, the modules that it names, and the witnesses."
    )


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(Verb, SideInputs, Config, Printing):
    """Explain NAME in MODEL: the claims on a node, the readers of a value, the owner of a weight, a module.

    NAME is the name of a node, of a value, of an initializer or of a parameter, or the path of a module. A
    name of several kinds of things is explained as the first of these kinds, unless --as chooses another.

    \b
      rewriter explain bert.onnx /encoder/layer.0/attention/self/MatMul
      rewriter explain bert.onnx encoder.layer.0.attention.self.query.bias
      rewriter explain bert.onnx encoder.layer.0.attention --as module
      rewriter explain bert.quantised.onnx /encoder/layer.0/attention/self/MatMul --like bert.onnx
    """

    model: Path = argument()
    name: str = argument(completes="named")
    as_: SubjectWord | None = option(None, "The kind of thing to explain.", flag="--as")


@dataclass(frozen=True, kw_only=True)
class StatsOptions(
    Verb,
    Selection,
    Sizes,
    ChildLimits,
    SideInputs,
    Printing,
    omit=("threads",),
    arguments=PATTERNS,
):
    """Show the numbers of each module of MODEL: operators, parameters, shapes and FLOPs.

    PATTERNS and options such as --class choose the modules to list; the totals above the list are of the
    whole model.

    \b
      rewriter stats bert.onnx --depth 3
      rewriter stats bert.onnx 'encoder.layer.0.**' --dim batch=1 --dim sequence=128
      rewriter stats bert.onnx --json | jq '.modules[] | {path, flops}'
    """

    model: Path = argument()


@dataclass(frozen=True, kw_only=True)
class SelectOptions(Verb, Selection, SideInputs, Printing, arguments=PATTERNS):
    """Print the names of nodes, values or initializers of modules of MODEL, in the form of another tool.

    PATTERNS are globs over module paths; a module includes all modules below it. With `--what inputs` or
    `outputs`, each call of each matching module counts for itself; `tap` shows the same values.

    \b
      rewriter select bert.onnx 'encoder.layer.[0-3].attention*' --op MatMul
      rewriter select bert.onnx pooler --format ort-quant
      rewriter select bert.onnx '**.attention' --what initializers --json
      rewriter select bert.onnx 'encoder.layer.*' --what outputs
      rewriter select bert.onnx --class LayerNorm --format trt --precision fp32
      rewriter select bert.onnx 'encoder.layer.[0-5]=cpu' 'encoder.*=gpu' --format ort-layers
    """

    model: Path = argument()
    what: WhatWord = option(
        NamedKind.NODES.value,
        "The names to print: of the nodes, of the values they write, of the initializers they read, or of "
        "the values that enter (inputs) or leave (outputs) the modules.",
        shown=True,
    )
    form: str = option(
        LINES,
        "The form of the output: plain text, JSON or Python, or the form that onnxruntime's quantiser, its "
        "converter to fp16, NNCF, trtexec or onnxruntime's device placement reads.",
        flag="--format",
        choices=(*FORMS, ORT_LAYERS),
        shown=True,
    )
    precision: PrecisionWord = option("fp16", "The precision for --format trt.", shown=True)
