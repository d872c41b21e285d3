"""Options of the verbs that edit modules: one dataclass per verb; its docstring is the help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.literals import IterationsWord
from rewriter.basics.option_declaration import Verb, argument, option
from rewriter.modules.selection import Selection
from rewriter.options.groups import PATTERNS, CopyData, Output, Printing, Proof, SideInputs
from rewriter.runtime.child_limits import ChildLimits


@dataclass(frozen=True, kw_only=True)
class Tapping:
    """The values that `tap` makes outputs, besides the outputs of modules."""

    module_inputs: bool = option(
        False, "Tap the inputs of the modules instead of their outputs.", flag="--inputs"
    )
    value: tuple[str, ...] = option(
        (), "Also tap the value of this name; may be given again.", metavar="NAME"
    )
    iterations: IterationsWord = option(
        "last",
        "The iterations of a Loop or Scan to show, for values inside its body: the last one, or all of them, "
        "stacked along a new first axis.",
        shown=True,
    )


@dataclass(frozen=True, kw_only=True)
class Feed:
    """Arrays to run on, for verbs whose --inputs means something else."""

    feed: Path | str | None = option(
        None,
        "Run on these arrays instead of random ones; --inputs means those of modules here.",
        metavar="X.npz",
    )


@dataclass(frozen=True, kw_only=True)
class TapOptions(
    Verb,
    Selection,
    Tapping,
    Output,
    SideInputs,
    Proof,
    Feed,
    ChildLimits,
    CopyData,
    Printing,
    omit=("shapes", "inputs"),
    arguments=PATTERNS,
):
    """Make outputs of modules of MODEL outputs of the model, named by module path.

    PATTERNS are globs over module paths. Each output of each matching module becomes an output of the model:
    `encoder.layer.0`; `lstm.0` and `lstm.1` if the module has several; `block@0` and `block@1` if it is
    called several times. The other outputs are proved equal. A tapped value cannot be fused away, so the
    model may run slower.

    \b
      rewriter tap bert.onnx 'encoder.layer.*' -o bert.taps.onnx
      rewriter tap bert.onnx 'encoder.layer.0.attention' --inputs -o bert.taps.onnx
      rewriter tap bert.onnx --class BertLayer --json -o bert.taps.onnx
    """

    model: Path = argument()


@dataclass(frozen=True, kw_only=True)
class UntapOptions(Verb, Output, Proof, ChildLimits, CopyData, Printing, omit=("shapes",)):
    """Remove the outputs that `tap` added to MODEL.

    Outputs, nodes and metadata that `tap` wrote go; everything else stays. The other outputs are proved
    equal.

    \b
      rewriter untap bert.taps.onnx -o bert.again.onnx
    """

    model: Path = argument()


@dataclass(frozen=True, kw_only=True)
class DropOptions(
    Verb,
    Selection,
    Output,
    SideInputs,
    Proof,
    ChildLimits,
    CopyData,
    Printing,
    omit=("shapes",),
    arguments=PATTERNS,
):
    """Remove modules of MODEL with the outputs that depend on them, and all that only they needed.

    PATTERNS are globs over module paths. Nodes, initializers, functions and inputs that nothing else needs go
    too. The remaining outputs are proved equal.

    \b
      rewriter drop bert.onnx pooler -o bert.nopooler.onnx
    """

    model: Path = argument()
