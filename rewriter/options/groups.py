"""The options that several verbs share, each group as a dataclass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewriter.basics.declaration import option
from rewriter.basics.literals import FunctionsWord
from rewriter.modules.selection import Selection
from rewriter.options.words import Functions
from rewriter.refusals import UsageError

PATTERNS = {"only": "[PATTERNS]..."}
"""For verbs whose arguments are globs over module paths; others take them by `--only`."""
TIMEOUT = 600.0
"""Seconds for whatever runs a model."""


@dataclass(frozen=True, kw_only=True)
class SideInputs:
    """What is known of a model besides its file."""

    like: Path | str | None = option(
        None,
        "The model that MODEL was optimised, quantised or converted from, or its .modules.json: carry its "
        "tree over.",
        metavar="FILE",
    )
    reference: str | None = option(
        None,
        "Take classes and modules from: package.module:Class, file.py:factory, a transformers config.json or "
        "its folder, or a sidecar.",
        metavar="X",
    )
    checkpoint: Path | str | None = option(
        None, "Name weights by content: .safetensors, .bin.", metavar="FILE"
    )
    trace: str | None = option(
        None,
        "Place nodes by the values they compute: package.module:factory or file.py:factory, which returns "
        "the torch module with its weights, or (module, sample inputs).",
        metavar="X",
    )
    force: bool = option(
        False, "Carry the tree of the original over even if it shares too little with MODEL."
    )


@dataclass(frozen=True, kw_only=True)
class Config:
    """Whether a config that lies with the model counts; for verbs that write the tree, or show it."""

    config: bool = option(
        True,
        "Take a transformers config.json that lies with the model for its reference, where transformers is "
        "installed (default).",
    )


@dataclass(frozen=True, kw_only=True)
class Output:
    """Where a model goes."""

    output: Path = option(None, "The file to write.", short="-o", required=True)


@dataclass(frozen=True, kw_only=True)
class Document:
    """Where text goes."""

    output: Path | None = option(None, "The file to write; stdout where left out.", short="-o")


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """How far numbers may be apart."""

    tolerance: float | None = option(
        None,
        "Accept numbers that agree within T of the largest value: |a-b| <= T max|a| at every output.",
        metavar="T",
        least=0,
    )
    rtol: float | None = option(
        None,
        "Accept numbers as numpy.allclose does: |a-b| <= ATOL + R |a| at every element (R 1e-5 if only "
        "--atol is given).",
        metavar="R",
        least=0,
    )
    atol: float | None = option(None, "See --rtol (1e-8 if only --rtol is given).", metavar="A", least=0)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What models run on, and how long."""

    inputs: Path | str | Mapping[str, Any] | None = option(
        None, "Run on these arrays instead of drawn ones.", metavar="X.npz"
    )
    timeout: float = option(TIMEOUT, "Seconds for the numbers.", above=0, shown=True)

    def _demand_use(self, numbers: bool | None) -> None:
        """Refuse inputs that nothing would run on."""
        if self.inputs is not None and numbers is False:
            raise UsageError("--inputs are what numbers are taken on; leave out --no-numbers")


@dataclass(frozen=True, kw_only=True)
class Pieces(RunOptions):
    """How models that are cut from another are checked."""

    numbers: bool | None = option(
        None, "Demand that the whole and what was cut from it run, or do not run them."
    )

    def __post_init__(self) -> None:
        """Refuse inputs that nothing would run on."""
        self._demand_use(self.numbers)


@dataclass(frozen=True, kw_only=True)
class Pairs(RunOptions):
    """How models that are shown side by side are run."""

    numbers: bool = option(True, "Run models that are compared, or compare what the files say alone.")


@dataclass(frozen=True, kw_only=True)
class Proof(RunOptions):
    """How it is proved that two models compute the same.

    Raises:
        UsageError: optimised, or inputs, without numbers.
    """

    numbers: bool | None = option(
        None,
        "Demand that onnxruntime runs both models, or rely on the certificate alone. By default it runs them "
        "where it can and what it executes has changed.",
    )
    optimised: bool = option(
        False, "Run them again with all of onnxruntime's optimisations, within 1e-3 of the largest value."
    )
    timeout: float = option(
        TIMEOUT, "Seconds for the numbers, and again for the optimised ones.", above=0, shown=True
    )

    def __post_init__(self) -> None:
        """Refuse what asks for numbers where none are wanted."""
        if self.optimised and self.numbers is False:
            raise UsageError("--optimised compares numbers; leave out --no-numbers")
        self._demand_use(self.numbers)


@dataclass(frozen=True, kw_only=True)
class CopyData:
    """Where external data goes."""

    copy_data: bool = option(False, "Copy external data where OUTPUT goes to another folder.")


@dataclass(frozen=True, kw_only=True)
class Writing(Proof, CopyData):
    """How a rewritten model is proved and written."""

    sidecar: bool = option(True, "Write OUTPUT.modules.json too (default).")
    min_coverage: float = option(
        0.0,
        "Fail where fewer nodes are placed: a share (0.95) or a percentage (95).",
        metavar="SHARE",
        least=0,
        most=100,
    )
    strict: bool = option(False, "Fail where anything was refused.")
    dry_run: bool = option(False, "Do everything but write.")

    @property
    def least_coverage(self) -> float:
        """The least share of nodes to be placed, 0 to 1."""
        return self.min_coverage / 100 if self.min_coverage > 1 else self.min_coverage


@dataclass(frozen=True, kw_only=True)
class Rewriting(SideInputs, Config, Writing):
    """How a model is rewritten, but for the passes."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of dimensions that the file leaves open."""

    dims: tuple[str, ...] = option(
        (),
        "The size of a symbolic dimension, so that shapes and FLOPs are known; may be given again.",
        flag="--dim",
        metavar="NAME=SIZE",
    )


@dataclass(frozen=True, kw_only=True)
class Printing:
    """How the result is printed."""

    as_json: bool = option(False, "Print the result as JSON.", flag="--json")


@dataclass(frozen=True, kw_only=True)
class RewriteSteps(Selection):
    """What a rewrite does: by plain options, or pass by pass."""

    restore_names: bool = option(False, "Also name nodes and weights that lost their names.")
    layer_annotations: bool = option(
        False, "Also write the module of every node where onnxruntime's annotated partitioning reads it."
    )
    functions: FunctionsWord = option(
        Functions.NONE.value,
        "Make modules local functions, nested as they are: one for every distinct body (shared) or one for "
        "every call; 'flatten' undoes it. What chooses modules chooses those that become functions.",
    )
    depth: int = option(0, "Nest functions this deep at the most.", least=1)
    repeated: bool = option(False, "Functions only for bodies that occur more than once.")
    passes: str | Sequence[Any] | None = option(
        None,
        "Run these instead: 'annotate,unshare,group{depth=2},share'; 'rewriter passes' lists them.",
        short="-p",
        metavar="PASSES",
        completes="passes",
    )
