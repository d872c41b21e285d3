"""Puts messages of other programs on one line, and names signals."""

from __future__ import annotations

import signal

_LONGEST_LINE = 300


def one_line(text: object) -> str:
    """Return a message as one line for a terminal: without control characters, and not too long."""
    plain = "".join(char if char.isprintable() else " " for char in str(text))
    line = " ".join(plain.split())
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 3]}..."


def signal_text(number: int) -> str:
    """Describe a signal: `signal 11, SIGSEGV`."""
    try:
        return f"signal {number}, {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"
