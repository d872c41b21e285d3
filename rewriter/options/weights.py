"""Options of the verbs that move weights: one dataclass per verb; its docstring is the help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.option_declaration import Verb, argument, option
from rewriter.options.groups import TIMEOUT, Output, Printing, SideInputs
from rewriter.runtime.child_limits import ChildLimits


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
class RefitOptions(Verb, Output, SideInputs, ChildLimits, Printing, omit=("shapes",)):
    """Put the weights of the checkpoint NEW, or a LoRA adapter, into MODEL, without an exporter.

    NEW is a safetensors file, a file of torch, an .index.json of shards, or the folder of one of these. Its
    keys are the names of parameters in MODEL; the prefix of a wrapper may differ. Every tensor of MODEL that
    may depend on a weight needs new weights: what the file does not show is listed, and nothing is written.
    --checkpoint, the checkpoint that was exported, shows what the exporter computed.

    ADAPTER is the folder that peft's save_pretrained wrote. It is merged into the weights of NEW, or without
    NEW into those of MODEL; then all other tensors keep their content. With --keep, its matrices stay beside
    their layers as modules lora_A and lora_B.

    What is written is read back and compared: each new tensor with the checkpoint, all else with MODEL.

    \b
      rewriter refit torchscript.onnx finetuned.safetensors -o finetuned.onnx
      rewriter refit torchscript.onnx finetuned.safetensors --checkpoint bert.safetensors -o finetuned.onnx
      rewriter refit torchscript.onnx --lora adapter -o adapted.onnx
      rewriter refit torchscript.onnx --lora adapter --scale 0.5 -o half.onnx
      rewriter refit torchscript.onnx --lora adapter --keep -o beside.onnx
    """

    model: Path = argument()
    new: Path | None = argument(None)
    lora: Path | None = option(
        None, "Merge the LoRA adapter of peft in this folder into the weights.", metavar="ADAPTER"
    )
    scale: float = option(
        1.0,
        "Multiply the scale that the adapter states by S; 0.5 halves the effect.",
        metavar="S",
        shown=True,
    )
    keep: bool = option(
        False, "Keep the adapter as nodes beside its layers instead of merging it into their weights."
    )
    numbers: bool = option(
        True, "With --keep: run the result, and MODEL with the adapter merged, and show the difference."
    )
    timeout: float = option(
        TIMEOUT, "With --keep: time limit for running the models, in seconds.", above=0, shown=True
    )
    partial: bool = option(
        False, "Write the file although something has no new weights; such tensors keep their content."
    )
    prefix: str | None = option(
        None,
        "The prefix of the keys in NEW that are for MODEL, such as model, or without NEW of the modules in "
        "ADAPTER; found if not given.",
        metavar="TEXT",
    )
