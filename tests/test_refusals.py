from __future__ import annotations

from rewriter.errors import (
    BelowThreshold,
    CannotCut,
    CannotImplant,
    CannotReplace,
    CannotWrite,
    Different,
    DoesNotFit,
    EngineLost,
    Interrupted,
    NoRuntime,
    NotProved,
    RewriterError,
    UnreadableModel,
    UsageError,
)
from rewriter.paths import ROOT, ModulePath
from rewriter.refusals import Reason, Refusal


def test_a_refusal_says_where_why_and_by_which_witness() -> None:
    refusal = Refusal(ModulePath("a.b"), Reason.NAME_TAKEN, "w")
    assert str(refusal) == "a.b: the name is already used in this file (w)"
    assert str(Refusal(ROOT, Reason.AMBIGUOUS, "w")).startswith("(root): ")


def test_exit_codes() -> None:
    codes = {
        Different: 1,
        NotProved: 5,
        CannotWrite: 2,
        NoRuntime: 2,
        EngineLost: 2,
        Interrupted: 130,
        UsageError: 2,
        UnreadableModel: 3,
        CannotCut: 3,
        CannotImplant: 3,
        CannotReplace: 3,
        DoesNotFit: 3,
        BelowThreshold: 4,
    }
    assert {error: error.exit_code for error in RewriterError.__subclasses__()} == codes
