"""The verbs that look at a model, each as a dataclass of its options; the docstring is the help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.declaration import Verb, argument, option
from rewriter.basics.literals import PrecisionWord, WhatWord
from rewriter.modules.selection import Selection
from rewriter.options.groups import (
    PATTERNS,
    Config,
    Printing,
    SideInputs,
    Sizes,
)
from rewriter.options.words import FORMS, LINES, ORT_LAYERS, NamedKind
from rewriter.runtime.limits import ChildLimits


@dataclass(frozen=True, kw_only=True)
class TreeOptions(Verb, Selection, SideInputs, Config, Printing):
    """Show the module tree of MODEL: paths, classes, nodes, parameters and shares.

    \b
      rewriter tree bert.onnx --depth 3
      rewriter tree bert.onnx --only 'encoder.layer.*.attention'
      rewriter tree bert.onnx --reference config.json --checkpoint model.safetensors
      rewriter tree bert.quantised.onnx --like bert.onnx
      rewriter tree bert.onnx --compare-sources --truth bert.modules.json
      rewriter tree bert.onnx --json | jq '.modules[] | select(.leaf)'
    """

    model: Path = argument()
    compare_sources: bool = option(
        False, "Show what each witness says by itself, how far they agree, and how long each took."
    )
    truth: Path | None = option(
        None,
        "With --compare-sources: a sidecar, or JSON of node names and modules, to be judged by.",
        metavar="FILE",
    )


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(Verb, SideInputs, Config, Printing):
    """Show every claim on NODE of MODEL, and why the winner won.

    NODE is the name of a node, or of a value that it writes.

    \b
      rewriter explain bert.onnx /encoder/layer.0/attention/self/MatMul
      rewriter explain bert.quantised.onnx /encoder/layer.0/attention/self/MatMul --like bert.onnx
    """

    model: Path = argument()
    node: str = argument(completes="nodes")


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
    """Show the numbers behind the module tree of MODEL: operators, parameters, shapes and FLOPs.

    PATTERNS and the other choices name the modules to list; the numbers above the list are the model's.

    \b
      rewriter stats bert.onnx --depth 3
      rewriter stats bert.onnx 'encoder.layer.0.**' --dim batch=1 --dim sequence=128
      rewriter stats bert.onnx --json | jq '.modules[] | {path, flops}'
    """

    model: Path = argument()


@dataclass(frozen=True, kw_only=True)
class SelectOptions(Verb, Selection, SideInputs, Printing, arguments=PATTERNS):
    """Print the names that modules of MODEL have in the file, in the form another tool takes.

    PATTERNS are globs over module paths; a module stands for all that is below it.

    \b
      rewriter select bert.onnx 'encoder.layer.[0-3].attention*' --op MatMul
      rewriter select bert.onnx pooler --format ort-quant
      rewriter select bert.onnx '**.attention' --what initializers --json
      rewriter select bert.onnx --class LayerNorm --format trt --precision fp32
      rewriter select bert.onnx 'encoder.layer.[0-5]=cpu' 'encoder.*=gpu' --format ort-layers
    """

    model: Path = argument()
    what: WhatWord = option(
        NamedKind.NODES.value,
        "Names of what: of the nodes, of the values they write, of the weights they read.",
        shown=True,
    )
    form: str = option(
        LINES,
        "For people, programs, onnxruntime's quantiser, trtexec, NNCF, or onnxruntime's device placement.",
        flag="--format",
        choices=(*FORMS, ORT_LAYERS),
        shown=True,
    )
    precision: PrecisionWord = option("fp16", "The precision for --format trt.", shown=True)
