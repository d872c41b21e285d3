"""A bounded fuzz run that needs nothing but hypothesis; `benchmarks.fuzz` runs longer, guided by coverage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bounds import ends
from tests.drawn import drawn
from tests.fuzz.targets import TARGETS, corpus

FROM_CORPUS = 12


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_is_taken(name: str) -> None:
    taken = corpus(name)[:FROM_CORPUS]
    assert taken
    for data in taken:
        TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_taken_to_an_end(name: str) -> None:
    @drawn(40)
    @given(st.binary(max_size=120))
    def take(data: bytes) -> None:
        with ends():
            TARGETS[name](data)

    take()
