"""Options of the verbs that change a model: one dataclass per verb; its docstring is the help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.option_declaration import Verb, argument, option
from rewriter.errors import UsageError
from rewriter.options.groups import Output, PackData, Printing, RunOptions, SideInputs, Tolerances
from rewriter.runtime.child_limits import ChildLimits


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
      rewriter implant bert.onnx encoder.layer.0 layer.int8.onnx -o mixed.onnx --tolerance 0.01
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
class WeightsOptions(Verb, SideInputs, Printing):
    """Show which tensors of MODEL hold the keys of its state dict, and how.

    Keys that the file does not give are listed with the reason. --reference shows all keys, and those that
    are tied. With -o, the state dict is written as safetensors; torch loads it with strict=False, and with
    --reference strictly, unless the list of missing keys says otherwise.

    \b
      rewriter weights torchscript.onnx
      rewriter weights torchscript.onnx -o bert.safetensors
      rewriter weights torchscript.onnx -o bert.safetensors --reference config.json
      rewriter weights torchscript.onnx --json | jq '.weights[] | {key, initializer}'
    """

    model: Path = argument()
    output: Path | None = option(None, "Write the state dict as safetensors.", short="-o")


@dataclass(frozen=True, kw_only=True)
class RefitOptions(Verb, Output, SideInputs, Printing):
    """Put the weights of the checkpoint NEW into MODEL, without an exporter.

    NEW is a safetensors file, a file of torch, an .index.json of shards, or the folder of one of these. Its
    keys are the names of parameters in MODEL; the prefix of a wrapper may differ. Every tensor of MODEL that
    may depend on a weight needs new weights: what the file does not show is listed, and nothing is written.
    --checkpoint, the checkpoint that was exported, shows what the exporter computed.

    What is written is read back and compared: each new tensor with the checkpoint, all else with MODEL.

    \b
      rewriter refit torchscript.onnx finetuned.safetensors -o finetuned.onnx
      rewriter refit torchscript.onnx finetuned.safetensors --checkpoint bert.safetensors -o finetuned.onnx
    """

    model: Path = argument()
    new: Path = argument()
    partial: bool = option(
        False, "Write the file although something has no new weights; such tensors keep their content."
    )
    prefix: str | None = option(
        None,
        "The prefix of the keys in NEW that are for MODEL, such as model; found if not given.",
        metavar="TEXT",
    )
