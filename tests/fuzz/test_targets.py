"""A bounded fuzz run that needs nothing but hypothesis; `benchmarks.fuzz` runs longer, guided by coverage."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, corpus

EXAMPLES = 40
SLOW = 5.0
"""Seconds that no input may take."""


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_is_taken(name: str) -> None:
    for data in corpus(name)[:12]:
        TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_taken_in_time(name: str) -> None:
    @given(st.binary(max_size=120))
    @settings(max_examples=EXAMPLES, deadline=None, database=None)
    def take(data: bytes) -> None:
        began = time.monotonic()
        TARGETS[name](data)
        assert time.monotonic() - began < SLOW

    take()
