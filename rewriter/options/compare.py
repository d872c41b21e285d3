"""The verbs that compare and measure, each as a dataclass of its options; the docstring is the help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.declaration import Verb, argument, option
from rewriter.modules.selection import Selection
from rewriter.options.groups import PATTERNS, Pairs, Printing, Proof, RunOptions, SideInputs, Tolerances
from rewriter.options.words import TOLERANCE
from rewriter.runtime.limits import ChildLimits, MemoryLimit


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(Verb, Tolerances, Proof, ChildLimits, Printing, omit=("shapes",)):
    """Tell whether BEFORE and AFTER compute the same: equal, not proved, or different.

    'equal' is proved, and numbers, where they are taken, agree bit for bit. 'different' means that an input
    shows other results than rounding explains, or that the models take or give other things. All else is
    'not proved'. With a tolerance, numbers decide: within it the exit code is 0, whatever the proof says.

    \b
      rewriter verify bert.onnx bert.tree.onnx
      rewriter verify bert.onnx bert.tree.onnx --tolerance 1e-4
    """

    before: Path = argument()
    after: Path = argument()


@dataclass(frozen=True, kw_only=True)
class DiffOptions(Verb, Selection, Pairs, ChildLimits, Printing, omit=("shapes",)):
    """Show where BEFORE and AFTER differ, module by module, and where their numbers part first.

    Leaves with 0 if the numbers agree within the tolerance, with 1 if they do not, as diff(1) does. With
    --no-numbers, or where the models cannot be run: with 0 if no module differs.

    \b
      rewriter diff bert.onnx bert.int8.onnx
      rewriter diff torchscript.onnx dynamo.onnx --depth 3
      rewriter diff old.onnx new.onnx --only 'encoder.layer.0.**' --all
    """

    before: Path = argument()
    after: Path = argument()
    everything: bool = option(False, "Show equal modules and all numbers as well.", flag="--all")
    tolerance: float = option(
        TOLERANCE, "How far a value may be off, relative to its largest magnitude.", least=0, shown=True
    )


@dataclass(frozen=True, kw_only=True)
class ProfileOptions(Verb, Selection, RunOptions, MemoryLimit, SideInputs, Printing, arguments=PATTERNS):
    """Show where the time of MODEL goes, by module and by class, as onnxruntime runs it by default.

    A kernel that onnxruntime fused of several modules is shared equally among them. The first runs are left
    out; medians of the others are shown.

    \b
      rewriter profile bert.onnx --depth 3
      rewriter profile bert.onnx --inputs batch.npz --rounds 100 --json
      rewriter profile bert.onnx --from onnxruntime_profile.json
    """

    model: Path = argument()
    rounds: int = option(20, "Runs that are measured.", least=1, shown=True)
    warmup: int = option(3, "Runs before them.", least=0, shown=True)
    threads: int = option(0, "Threads of one operator; as many as onnxruntime chooses by default.", least=0)
    recorded: Path | None = option(
        None,
        "Tell the modules of a profile that onnxruntime took of MODEL, instead of running it.",
        flag="--from",
        metavar="PROFILE.json",
    )
