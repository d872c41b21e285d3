"""Groups of options that several verbs share, each a dataclass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewriter.basics.literals import FunctionsWord, SidecarWord
from rewriter.basics.option_declaration import option
from rewriter.errors import UsageError
from rewriter.modules.selection import Selection
from rewriter.options.words import Functions

PATTERNS = {"only": "[PATTERNS]..."}
"""`arguments` of verbs that take globs over module paths as arguments; other verbs take them by `--only`."""
TIMEOUT = 600.0
"""Default time limit, in seconds, for a process that runs models."""


@dataclass(frozen=True, kw_only=True)
class SideInputs:
    """Sources of evidence besides the model itself."""

    like: Path | str | None = option(
        None,
        "Carry over the tree of this file: the model that MODEL was optimised, quantised or converted from, "
        "or its .modules.json.",
        metavar="FILE",
    )
    reference: str | None = option(
        None,
        "Take classes and modules from X: package.module:Class, file.py:factory, a transformers config.json "
        "or its folder, or a sidecar.",
        metavar="X",
    )
    checkpoint: Path | str | None = option(
        None,
        "Name weights by comparing them with this checkpoint: a .safetensors file, a file of torch, an "
        ".index.json of shards.",
        metavar="FILE",
    )
    trace: str | None = option(
        None,
        "Place nodes by the values they compute. X is package.module:factory or file.py:factory; the factory "
        "returns the torch module with its weights, or (module, sample inputs).",
        metavar="X",
    )
    force: bool = option(
        False, "With --like: carry the tree over even if the original shares too little with MODEL."
    )


@dataclass(frozen=True, kw_only=True)
class Config:
    """Whether a config beside the model is used; for verbs that write or show the tree."""

    config: bool = option(
        True,
        "Use a transformers config.json beside the model as --reference, if transformers is installed "
        "(default).",
    )


@dataclass(frozen=True, kw_only=True)
class Output:
    """The model file to write."""

    output: Path = option(None, "The file to write.", short="-o", required=True)


@dataclass(frozen=True, kw_only=True)
class Document:
    """The text file to write."""

    output: Path | None = option(None, "The file to write; stdout if not given.", short="-o")


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """Tolerances for numbers to count as equal."""

    tolerance: float | None = option(
        None,
        "Accept numbers within T of the largest value of each output: |a-b| <= T max|a|.",
        metavar="T",
        least=0,
    )
    rtol: float | None = option(
        None,
        "Accept numbers as numpy.allclose does: |a-b| <= A + R |a| at every element; R is 1e-5 if only "
        "--atol is given.",
        metavar="R",
        least=0,
    )
    atol: float | None = option(None, "See --rtol; A is 1e-8 if only --rtol is given.", metavar="A", least=0)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Inputs and time limit for running models."""

    inputs: Path | str | Mapping[str, Any] | None = option(
        None,
        "Run on these arrays instead of random ones: an .npz file, a folder with input_0.pb and so on, or "
        "the dict that file.py:function returns.",
        metavar="X.npz",
    )
    timeout: float = option(TIMEOUT, "Time limit for running the models, in seconds.", above=0, shown=True)

    def _demand_use(self, numbers: bool | None) -> None:
        """Refuse inputs if no model will be run."""
        if self.inputs is not None and numbers is False:
            raise UsageError("--inputs are for running the models; leave out --no-numbers")


@dataclass(frozen=True, kw_only=True)
class Pieces(RunOptions):
    """Options of checking models that are cut from another."""

    numbers: bool | None = option(
        None,
        "Fail if the result or the part of MODEL that feeds it cannot be run; with --no-numbers, run "
        "neither.",
    )

    def __post_init__(self) -> None:
        """Refuse inputs if no model will be run."""
        self._demand_use(self.numbers)


@dataclass(frozen=True, kw_only=True)
class Pairs(RunOptions):
    """Options of running models that are compared side by side."""

    numbers: bool = option(
        True, "Run the compared models; with --no-numbers, compare only the contents of the files."
    )


@dataclass(frozen=True, kw_only=True)
class Proof(RunOptions):
    """Options of proving that two models compute the same.

    Raises:
        UsageError: `optimised` or `inputs` is given, and `numbers` is False.
    """

    numbers: bool | None = option(
        None,
        "Fail if onnxruntime cannot run both models; with --no-numbers, run neither and rely on the "
        "certificate. By default, run both if possible, unless their executable graphs are byte-identical.",
    )
    optimised: bool = option(
        False,
        "Run both models again with all optimisations of onnxruntime, within 1e-3 of the largest value.",
    )
    timeout: float = option(
        TIMEOUT,
        "Time limit for running the models, in seconds; applies again to --optimised.",
        above=0,
        shown=True,
    )

    def __post_init__(self) -> None:
        """Refuse options that need numbers if no model will be run."""
        if self.optimised and self.numbers is False:
            raise UsageError("--optimised compares numbers; leave out --no-numbers")
        self._demand_use(self.numbers)


@dataclass(frozen=True, kw_only=True)
class CopyData:
    """Permission to copy external data."""

    copy_data: bool = option(False, "If OUTPUT is in another folder, copy the external data that it reads.")


@dataclass(frozen=True, kw_only=True)
class PackData:
    """Permission to copy parts of external data."""

    copy_data: bool = option(
        False, "If the output is in another folder, copy the external data that it reads, and no more."
    )


@dataclass(frozen=True, kw_only=True)
class Writing(Proof, CopyData):
    """Options of proving and writing a rewritten model."""

    sidecar: SidecarWord = option(
        "compact",
        "The tree beside OUTPUT, in OUTPUT.modules.json: as tables (compact); as an object for each module, "
        "with its depth, children, totals and the nested tree as well (full); or not at all (none).",
        shown=True,
    )
    min_coverage: float = option(
        0.0,
        "Fail if fewer nodes are placed: a share (0.95) or a percentage (95).",
        metavar="SHARE",
        least=0,
        most=100,
    )
    strict: bool = option(False, "Fail if anything was refused.")
    dry_run: bool = option(False, "Write nothing; do everything else.")

    @property
    def least_coverage(self) -> float:
        """The smallest accepted share of placed nodes, 0 to 1."""
        return self.min_coverage / 100 if self.min_coverage > 1 else self.min_coverage


@dataclass(frozen=True, kw_only=True)
class Rewriting(SideInputs, Config, Writing):
    """Options of a rewrite, except its passes."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of symbolic dimensions."""

    dims: tuple[str, ...] = option(
        (),
        "The size of a symbolic dimension, to compute shapes; may be given again.",
        flag="--dim",
        metavar="NAME=SIZE",
    )


@dataclass(frozen=True, kw_only=True)
class Printing:
    """Form of the printed result."""

    as_json: bool = option(False, "Print the result as JSON.", flag="--json")


@dataclass(frozen=True, kw_only=True)
class RewriteSteps(Selection):
    """Passes of a rewrite: chosen by options, or listed by `--passes`."""

    restore_names: bool = option(False, "Also name nodes and weights that lost their names.")
    layer_annotations: bool = option(
        False, "Also annotate nodes with their module for onnxruntime's annotated partitioning."
    )
    foreign: bool = option(
        False, "First inline the functions that other tools made, so that --functions makes new ones."
    )
    functions: FunctionsWord = option(
        Functions.NONE.value,
        "Make modules local functions, nested like the modules: one per distinct body (shared) or one per "
        "call; 'flatten' undoes it. --only, --class and the like choose the modules.",
    )
    depth: int = option(0, "Maximum nesting depth of functions.", least=1)
    repeated: bool = option(False, "Make functions only of bodies that occur more than once.")
    passes: str | Sequence[Any] | None = option(
        None,
        "Run these passes instead: 'annotate,unshare,group{depth=2},share'; 'rewriter passes' lists all.",
        short="-p",
        metavar="PASSES",
        completes="passes",
    )
