"""How to rewrite, and to prove."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.evidence.given import NOTHING, Given
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.pipeline.loading import Inputs
from rewriter.refusals import UsageError
from rewriter.runtime.difference import Tolerance


@dataclass(frozen=True, slots=True)
class Options:
    """How to rewrite.

    Attributes:
        passes: what to do, in order.
        numbers: whether to run both models in onnxruntime besides the symbolic proof. None: unless all that
            onnxruntime would execute is the same in both, byte for byte; `inputs` or `optimised` ask for it.
        optimised: whether to run them a second time with all of onnxruntime's optimisations.
        inputs: arrays to run them on; drawn from the signature where None.
        sidecar: whether to write `<output>.modules.json` beside the model.
        copy_data: whether to copy external data where the output goes to another folder.
        min_coverage: least share of nodes to be placed, 0 to 1.
        strict: whether a refusal is a failure.
        dry_run: whether to do everything but write.
        tolerance: how far numbers may be apart, for a comparison; a rewrite has none.
        timeout: seconds for the numbers, and again for the optimised ones.
        given: what the user knows of the model besides the file.
        folder: where the external data of a model in memory lies; beside the output where None.
        narrow: whether globs of passes that fit nothing in this model are left out, and told in the report,
            instead of an error: of many models each may have something else.

    Raises:
        UsageError: optimised, or a tolerance, without numbers.
    """

    passes: tuple[Pass, ...] = (Annotate(),)
    numbers: bool | None = None
    optimised: bool = False
    inputs: Inputs | None = None
    sidecar: bool = True
    copy_data: bool = False
    min_coverage: float = 0.0
    strict: bool = False
    dry_run: bool = False
    timeout: float = 600.0
    tolerance: Tolerance | None = None
    given: Given = NOTHING
    folder: Path | None = None
    narrow: bool = False

    def __post_init__(self) -> None:
        if self.optimised and self.numbers is False:
            raise UsageError("--optimised compares numbers; leave out --no-numbers")
        if self.tolerance is not None and self.numbers is False:
            raise UsageError("a tolerance is one of numbers; leave out --no-numbers")
        if self.inputs is not None and self.numbers is False:
            raise UsageError("--inputs are what numbers are taken on; leave out --no-numbers")

    @property
    def may_spare_numbers(self) -> bool:
        """Whether nobody asked for numbers, so that models which are the same to a runtime need none."""
        return not self.demands_numbers

    @property
    def demands_numbers(self) -> bool:
        """Whether numbers were asked for: by word, by inputs to take them on, or by what judges them."""
        asked = self.inputs is not None or self.optimised or self.tolerance is not None
        return self.numbers is True or asked
