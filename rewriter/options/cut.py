"""Options of the verbs that cut a model: one dataclass per verb; its docstring is the help page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.option_declaration import Verb, argument, option
from rewriter.errors import UsageError
from rewriter.modules.selection import Selection
from rewriter.options.groups import (
    PATTERNS,
    Output,
    PackData,
    Pieces,
    Printing,
    SideInputs,
    Sizes,
)
from rewriter.runtime.child_limits import ChildLimits, parse_size


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
class SplitOptions(Verb, Sizes, SideInputs, Pieces, ChildLimits, PackData, Printing, omit=("shapes",)):
    """Cut MODEL into a chain of models that together compute the same as MODEL.

    Each cut is before the first node of a module, in execution order. DIR gets part-0.onnx, part-1.onnx ...
    and split.json, which names the source of every input of a part: an earlier part, or an input of MODEL.
    The chain is run and compared with MODEL. Instead of --at, --budget or --into choose the modules, by the
    predicted memory of the parts: weights, inputs, and the peak of computed values.

    \b
      rewriter split bert.onnx --at encoder.layer.1 -o halves
      rewriter split bert.onnx --at 'encoder.layer.[1-9]' -o layers
      rewriter split bert.onnx --into 4 --dim batch=1 --dim sequence=128 --dry-run
      rewriter split bert.onnx --budget 8GiB --dim batch=1 --dim sequence=128 -o parts
    """

    model: Path = argument()
    at: tuple[str, ...] = option(
        (),
        "Cut before this module, or before each module that matches a glob; MODULE@1 is its second call. May "
        "be given again.",
        metavar="MODULE",
        completes="modules",
    )
    budget: int | None = option(
        None,
        "Cut into as few parts as possible that each need at most this memory.",
        metavar="SIZE",
        read=parse_size,
    )
    into: int | None = option(
        None, "Cut into this many parts, the largest of which needs little memory.", least=2
    )
    output: Path | None = option(
        None, "The folder for the parts; required unless --dry-run.", short="-o", metavar="DIR"
    )
    dry_run: bool = option(False, "Print the parts; neither check nor write them.")

    def __post_init__(self) -> None:
        """Demand one way to choose the cuts, and a folder unless nothing is written.

        Raises:
            UsageError: otherwise (see `demand_one_way`), or inputs are given and no model will be run.
        """
        super().__post_init__()
        demand_one_way(self.at, self.budget, self.into, self.dims)
        if self.output is None and not self.dry_run:
            raise UsageError("split needs a folder for the parts: -o DIR; --dry-run writes nothing")


def demand_one_way(at: Sequence[str], budget: int | None, into: int | None, dims: object) -> None:
    """Demand exactly one way to choose the cuts of a split.

    Args:
        at: the modules before which to cut.
        budget: bytes that each part may need.
        into: number of parts.
        dims: sizes of dimensions; only for `budget` and `into`.

    Raises:
        UsageError: none or several ways are given, a number is too small, or `dims` and `at` are given.
    """
    if (bool(at), budget is not None, into is not None).count(True) != 1:
        raise UsageError("split takes exactly one of --at, --budget and --into")
    if (budget is not None and budget < 1) or (into is not None and into < 2):
        raise UsageError("--budget must be at least 1 byte, and --into at least 2 parts")
    if at and dims:
        raise UsageError("--dim is for --budget and --into; leave it out with --at")
