"""Options of the verbs that compare and measure: one dataclass per verb; its docstring is the help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.literals import FormWord, HalfWord, LawWord
from rewriter.basics.option_declaration import Verb, argument, option
from rewriter.modules.selection import Selection
from rewriter.options.groups import PATTERNS, Pairs, Printing, Proof, RunOptions, SideInputs, Tolerances
from rewriter.options.words import HALF_TOLERANCE, TOLERANCE
from rewriter.runtime.child_limits import ChildLimits, MemoryLimit


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(Verb, Tolerances, Proof, ChildLimits, Printing, omit=("shapes",)):
    """Decide whether BEFORE and AFTER compute the same: equal, up to rounding, not proved, or different.

    'equal': proved, and bit for bit the same numbers if the models were run. 'equal up to rounding': proved
    by laws that round; only --laws rounding tries these. 'different': the same arrays cannot serve both
    models, or some input gives results that differ by more than rounding explains. 'not proved': all other
    cases. With a tolerance, the numbers decide: the exit code is 0 if they agree within
    it, even without a proof.

    \b
      rewriter verify bert.onnx bert.tree.onnx
      rewriter verify bert.onnx bert.tree.onnx --tolerance 1e-4
      rewriter verify bert.onnx bert.tree.onnx --laws rounding
    """

    before: Path = argument()
    after: Path = argument()
    laws: LawWord = option(
        "bits",
        "Laws that may prove models equal whose expressions differ: none; bits, those that keep all bits; "
        "or rounding, all laws, and then 'equal up to rounding' has exit code 0.",
        shown=True,
    )


@dataclass(frozen=True, kw_only=True)
class DiffOptions(Verb, Selection, Pairs, ChildLimits, Printing, omit=("shapes",)):
    """Show where BEFORE and AFTER differ, module by module, and the first module where their numbers differ.

    AFTER may be the torch module that BEFORE was exported from, as file.py:factory; the factory returns the
    module, or (module, inputs). Then the module is the reference.

    The exit code is 0 if the numbers agree within the tolerance, else 1, as for diff(1). With --no-numbers,
    or if the models cannot be run, it is 0 if no module differs.

    \b
      rewriter diff bert.onnx bert.int8.onnx
      rewriter diff net.onnx net.py:make
      rewriter diff torchscript.onnx dynamo.onnx --depth 3
      rewriter diff old.onnx new.onnx --only 'encoder.layer.0.**' --all
    """

    before: Path = argument()
    after: Path = argument()
    everything: bool = option(False, "Show equal modules and all numbers as well.", flag="--all")
    tolerance: float = option(
        TOLERANCE,
        "Largest deviation that counts as equal, relative to the largest magnitude in the first model.",
        least=0,
        shown=True,
    )


@dataclass(frozen=True, kw_only=True)
class ProfileOptions(Verb, Selection, RunOptions, MemoryLimit, SideInputs, Printing, arguments=PATTERNS):
    """Show the time of MODEL, by module and by class, as onnxruntime runs it by default.

    The time of a kernel that onnxruntime fused from several modules is divided equally among them. Times are
    medians over the measured runs.

    \b
      rewriter profile bert.onnx --depth 3
      rewriter profile bert.onnx --inputs batch.npz --rounds 100 --json
      rewriter profile bert.onnx --from onnxruntime_profile.json
    """

    model: Path = argument()
    rounds: int = option(20, "Number of measured runs.", least=1, shown=True)
    warmup: int = option(3, "Number of runs before the measured ones.", least=0, shown=True)
    threads: int = option(0, "Threads of one operator; onnxruntime chooses if not given.", least=0)
    recorded: Path | None = option(
        None,
        "Read a profile that onnxruntime recorded of MODEL, instead of running MODEL.",
        flag="--from",
        metavar="PROFILE.json",
    )


@dataclass(frozen=True, kw_only=True)
class PrecisionOptions(
    Verb, Selection, RunOptions, ChildLimits, SideInputs, Printing, arguments=PATTERNS, omit=("shapes",)
):
    """Find the modules of MODEL to keep in fp32 if the others are in half precision.

    Half precision is simulated: every operand and result of a node is rounded, and nodes compute in fp32. A
    module stays in fp32 if it reads or writes numbers beyond the range; if the outputs are off by more than
    the tolerance even so, modules with large errors stay, too. The exit code is 0 if the outputs are within
    the tolerance then, else 1.

    \b
      rewriter precision bert.onnx
      rewriter precision bert.onnx --to bf16 --tolerance 0.05 --json
      rewriter precision bert.onnx --format ort-fp16
    """

    model: Path = argument()
    to: HalfWord = option("fp16", "The type of half precision.", shown=True)
    tolerance: float = option(
        HALF_TOLERANCE,
        "Largest error of the outputs, relative to the largest magnitude of an output in fp32.",
        least=0,
        shown=True,
    )
    everything: bool = option(False, "List all modules.", flag="--all")
    form: FormWord | None = option(
        None,
        "Print the names of the nodes to keep in fp32: plain, as JSON or Python, or in the form "
        "that onnxruntime's quantiser, its converter to fp16, NNCF or trtexec reads.",
        flag="--format",
    )
