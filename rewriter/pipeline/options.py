"""Options of a rewrite and its proof."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import get_args

from rewriter.basics.literals import LawWord, SidecarWord
from rewriter.basics.option_declaration import again
from rewriter.errors import UsageError
from rewriter.evidence.side_inputs import NOTHING, Given
from rewriter.options.groups import Writing
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.pipeline.loader import Inputs
from rewriter.runtime.compare.tolerance import Tolerance


@dataclass(frozen=True)
class Options(Writing):
    """Options of a rewrite: those of `Writing`, and others with their texts already parsed.

    Attributes:
        passes: the passes to run, in order.
        inputs: arrays to run models on; if None, they are drawn from the signature.
        tolerance: allowed deviation of numbers, for comparisons; a rewrite allows none.
        given: evidence from the user, besides the file.
        folder: folder of external data of a model in memory; the output's folder if None.
        laws: laws that may prove models equal whose expressions are not; a rewrite uses none.
        narrow: whether globs of `group` that match nothing in this model are dropped, and listed in the
            report, instead of raising an error: the models of a batch may have different modules.

    Raises:
        UsageError: optimised, inputs or a tolerance without numbers, or no such sidecar.
    """

    passes: tuple[Pass, ...] = (Annotate(),)
    _: KW_ONLY
    inputs: Inputs | None = again(Writing, "inputs")
    tolerance: Tolerance | None = None
    given: Given = NOTHING
    folder: Path | None = None
    laws: LawWord = "none"
    narrow: bool = False

    def __post_init__(self) -> None:
        """Refuse options that need numbers if numbers are switched off, and an unknown sidecar."""
        super().__post_init__()
        if self.sidecar not in get_args(SidecarWord):
            raise UsageError(f"sidecar: {self.sidecar!r} is none of {', '.join(get_args(SidecarWord))}")
        if self.tolerance is not None and self.numbers is False:
            raise UsageError("a tolerance is one of numbers; leave out --no-numbers")

    @property
    def may_spare_numbers(self) -> bool:
        """Whether models that are identical to a runtime need no numbers, since nobody requested any."""
        return not self.demands_numbers

    @property
    def demands_numbers(self) -> bool:
        """Whether numbers were requested: directly, by inputs, by a tolerance, or by an optimised run."""
        asked = self.inputs is not None or self.optimised or self.tolerance is not None
        return self.numbers is True or asked
