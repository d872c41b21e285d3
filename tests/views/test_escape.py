from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewriter.paths import ModulePath
from rewriter.views.escape import as_text, shorten, shown_last, shown_name, shown_path, visible


@pytest.mark.parametrize("text", ["", "plain", "a b", "größe/層", "[red]x[/red]"])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("a\nb\tc\x00\x7f", "a\\nb\\tc\\x00\\x7f"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("a\u2028b\u200b", "a\\u2028b\\u200b"),
        ("\ud800", "\\ud800"),
        ("cafe\u0301", "cafe\\u0301"),
        ("é … cafe\u0301", "é … cafe\\u0301"),
        ("\u1112\u1161", "\\u1112\\u1161"),
    ],
)
def test_what_steers_a_terminal_is_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "''"),
        (".", "'.'"),
        ("..", "'..'"),
        ("(root)", "'(root)'"),
        (" ", "' '"),
        ("a ", "'a '"),
        ("a", "a"),
        ("e\u0301", "e\\u0301"),
    ],
)
def test_no_name_looks_like_another(name: str, shown: str) -> None:
    assert shown_name(name) == shown


@pytest.mark.parametrize(
    ("path", "last", "whole"),
    [
        ("", "(root)", "(root)"),
        ("(root)", "'(root)'", "'(root)'"),
        ("a.(root)", "'(root)'", "a.(root)"),
        ("a.", "''", "'a.'"),
        ("a..b", "b", "'a..b'"),
        (".", "''", "'.'"),
        ("a.b", "b", "a.b"),
        ("a.b ", "'b '", "'a.b '"),
    ],
)
def test_only_the_root_is_shown_as_such(path: str, last: str, whole: str) -> None:
    assert (shown_last(ModulePath(path)), shown_path(ModulePath(path))) == (last, whole)


def test_a_terminal_without_unicode_gets_escapes() -> None:
    assert visible("größe", ascii_only=True) == "gr\\xf6\\xdfe"


def test_bytes_that_are_no_text_are_shown_as_escapes() -> None:
    assert as_text(b"ok\xff") == "ok\\xff"


@given(st.text())
def test_nothing_invisible_is_left(text: str) -> None:
    assert not [
        char for char in visible(text) if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    ]


@given(st.text(), st.integers(0, 20))
def test_shortened_text_fits_and_keeps_both_ends(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit or short == text
    if len(text) > limit > 2:
        assert (short[0], short[-1]) == (text[0], text[-1])
