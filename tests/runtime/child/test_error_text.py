from __future__ import annotations

from rewriter.runtime.child.error_text import one_line, signal_text


def test_one_line_holds_no_control_characters() -> None:
    assert one_line("a\x1b[31m\nb\u202e  c") == "a [31m b c"
    assert len(one_line("x" * 1000)) <= 300


def test_signals_have_names_where_the_system_has_one() -> None:
    assert signal_text(9) == "signal 9, SIGKILL"
    assert signal_text(1000) == "signal 1000"
