"""Any exception of foreign code that builds a reference is reported in one line, except for Ctrl-C."""

from __future__ import annotations

import sys

import pytest

from rewriter.errors import BelowThreshold, UsageError
from rewriter.evidence.reference.sources import telling


class Own(BaseException):
    """Exception that does not derive from `Exception`."""


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("two\nlines"), "m:F: cannot be built: ValueError: two lines"),
        (SystemExit(0), "m:F: cannot be built: SystemExit: 0"),
        (GeneratorExit(), "m:F: cannot be built: GeneratorExit:"),
        (Own("x"), "m:F: cannot be built: Own: x"),
    ],
)
def test_it_is_told_in_one_line(error: BaseException, says: str) -> None:
    with pytest.raises(UsageError) as told, telling("m:F"):
        raise error
    assert str(told.value) == says


def test_an_interrupt_and_errors_of_ours_pass() -> None:
    with pytest.raises(KeyboardInterrupt), telling("m:F"):
        raise KeyboardInterrupt
    with pytest.raises(BelowThreshold), telling("m:F"):
        raise BelowThreshold("ours")


def test_what_it_prints_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with telling("m:F"):
        print("chatter")
    assert capsys.readouterr() == ("", "chatter\n")
    assert sys.stdout is not sys.stderr
