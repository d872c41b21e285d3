"""Options of the verbs that edit modules: one dataclass per verb; its docstring is the help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.literals import IterationsWord
from rewriter.basics.option_declaration import Verb, argument, option
from rewriter.errors import UsageError
from rewriter.modules.selection import Selection
from rewriter.options.groups import (
    PATTERNS,
    CopyData,
    Output,
    PackData,
    Printing,
    Proof,
    RunOptions,
    SideInputs,
    Tolerances,
)
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
        "Run on these arrays instead of random ones, given like --inputs of verify; --inputs means those of "
        "modules here.",
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


@dataclass(frozen=True, kw_only=True)
class ImplantOptions(
    Verb, Output, Tolerances, SideInputs, RunOptions, ChildLimits, PackData, Printing, omit=("shapes",)
):
    """Put PIECE, a model, into MODEL in place of MODULE; all else stays as it is, and that is proved.

    PIECE is what 'extract' makes of MODULE, changed by any tool: quantised, pruned, fused, converted. MODULE
    is a glob over module paths; MODULE@1 is its second call, and MODULE@all stands for each of its calls.
    Inputs and outputs of PIECE are matched by name; without common names, by type, if there is a single way.
    Both models are run, and the difference of their outputs is printed.

    \b
      rewriter implant bert.onnx encoder.layer.0 layer.int8.onnx -o mixed.onnx
      rewriter implant bert.onnx encoder.layer.0 l0.onnx encoder.layer.1 l1.onnx -o mixed.onnx
      rewriter implant bert.onnx encoder.layer.0 layer.int8.onnx -o mixed.onnx --tolerance 0.05
    """

    model: Path = argument()
    pieces: tuple[str, ...] = argument((), metavar="MODULE PIECE...", required=True)
    call: str | None = option(
        None,
        "Number of the call, from 0, for modules that are called several times; or then, else or body, for "
        "the call in this body of If, Loop or Scan; or all.",
        metavar="CALL",
    )
    numbers: bool = option(
        True, "Run MODEL and the result, or fail (default); with --no-numbers, run neither."
    )

    def __post_init__(self) -> None:
        """Refuse options that need numbers if no model will be run."""
        if self.numbers is False and (self.tolerance, self.rtol, self.atol) != (None, None, None):
            raise UsageError("a tolerance is one of numbers; leave out --no-numbers")
        self._demand_use(self.numbers)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The modules, each with the file of its piece.

        Raises:
            UsageError: the last module has no piece.
        """
        if len(self.pieces) % 2:
            raise UsageError(f"{self.pieces[-1]!r} has no partner; give pairs: MODULE PIECE MODULE PIECE ...")
        return tuple(zip(self.pieces[::2], self.pieces[1::2], strict=True))


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
    other stored tensors; constants that all calls share stay in the body. Attributes that differ between the
    modules become attributes of the operator. A runtime without a kernel of this name runs the body. The
    result is proved equal; 'rewriter flatten' undoes it. In a domain of a runtime, such as com.microsoft, the
    result is also loaded; if onnxruntime runs a kernel of its own, the tolerance (by default 1e-3 of the
    largest value) applies to its numbers.

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
