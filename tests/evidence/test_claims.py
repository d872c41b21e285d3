"""Sources of claims."""

from __future__ import annotations

from rewriter.evidence.claims import USUAL, Source


def test_every_source_names_modules_or_infers_them() -> None:
    assert set(Source) == NAMING | INFERRING
    assert not NAMING & INFERRING
