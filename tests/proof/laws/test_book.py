"""The laws as a whole: each states itself, has a test, and is in the page."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rewriter.proof.laws.book import BITS, ROUNDING
from rewriter.proof.laws.law import Law

ROOT = Path(__file__).parent.parent.parent.parent
PAGE = (ROOT / "docs" / "certificate.md").read_text("utf-8")
TESTS = "\n".join(path.read_text("utf-8") for path in sorted(Path(__file__).parent.rglob("test_*.py")))


@pytest.mark.parametrize("law", ROUNDING, ids=lambda law: law.name)
def test_a_law_states_itself(law: Law) -> None:
    text = sys.modules[law.rewrite.__module__].__doc__ or ""
    assert all(f"\n{part}: " in text for part in ("Statement", "Side conditions", "Argument")), text


@pytest.mark.parametrize("law", ROUNDING, ids=lambda law: law.name)
def test_a_law_is_tested_and_in_the_page(law: Law) -> None:
    assert f'"{law.name}"' in TESTS
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {law.name} |")]
    assert (row.split("|")[3].strip() == "") == (law.rounds is None)


def test_laws_that_keep_bits_do_not_round() -> None:
    assert [law.name for law in BITS if law.rounds is not None] == []
    assert [law.name for law in ROUNDING if law.rounds is None] == [law.name for law in BITS]
    assert len({law.name for law in ROUNDING}) == len(ROUNDING)
