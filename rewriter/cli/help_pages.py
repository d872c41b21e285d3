"""Sections of a help page after its options: examples and exit codes of the verb."""

from __future__ import annotations

import re
from collections.abc import Iterable
from inspect import cleandoc

import click

_EXAMPLES = re.compile(r"\n*\x08\n((?: +rewriter .*\n?)+)")
"""The example commands at the end of a verb's docstring; `\\b` before them keeps click from wrapping them."""

_PROOF = {
    1: "the result is different, nothing written",
    5: "not proved equal, or demanded numbers are missing; nothing written",
}
_OF_ALL = {
    2: "usage, a name that matches nothing, or an output that cannot be written",
    3: "unreadable or refused input",
}
_OF_VERBS: dict[str, dict[int, str]] = {
    "rewrite": {
        **_PROOF,
        4: "below --min-coverage, or refusals under --strict; nothing written",
    },
    "carry": {
        **_PROOF,
        4: "below --min-coverage, or refusals under --strict; nothing written",
    },
    "batch": {
        0: "all files done",
        1: "the result for a file is different, and was not written",
        2: "usage, or a file could not be written",
        3: "a file is unreadable or refused",
        4: "a file is below --min-coverage, or has refusals under --strict",
        5: "a file was not proved equal, and was not written",
        70: "a file crashed the process, or an internal error",
    },
    "flatten": _PROOF,
    "extract": _PROOF,
    "tap": _PROOF,
    "untap": _PROOF,
    "drop": _PROOF,
    "replace": _PROOF,
    "split": _PROOF,
    "implant": {
        1: "the outputs differ by more than the tolerance; nothing written",
        5: "not proved, or MODEL or the result does not run; nothing written",
    },
    "refit": {5: "something has no new weights, without --partial; nothing written"},
    "verify": {
        0: "equal; or up to rounding with --laws rounding; or within the tolerance that was given",
        1: "different",
        5: "not proved, or demanded numbers are missing",
    },
    "diff": {0: "the numbers agree; without numbers: no module differs", 1: "the models differ"},
    "doctor": {0: "done, with or without warnings", 4: "warnings under --strict"},
    "passes": {3: ""},
    "completion": {3: ""},
}


def exit_codes(verb: str) -> dict[int, str]:
    """Return exit code -> meaning, for the exit codes of a verb."""
    codes = {0: "done", **_OF_ALL, **_OF_VERBS.get(verb, {})}
    return {code: meaning for code, meaning in sorted(codes.items()) if meaning}


def examples(command: click.Command) -> tuple[str, ...]:
    """Return the example commands at the end of a verb's docstring."""
    found = _EXAMPLES.search(command.help or "")
    return tuple(line.strip() for line in found[1].splitlines()) if found else ()


def paged(verb: str, command: click.Command) -> click.Command:
    """Move the examples and exit codes of a command below its options, as in manual pages; return it."""
    sections = {
        "Examples": examples(command),
        "Exit codes": [f"{code}  {meaning}" for code, meaning in exit_codes(verb).items()],
    }
    command.epilog = "\n".join(_section(title, lines) for title, lines in sections.items() if lines)
    command.help = _EXAMPLES.sub("", cleandoc(command.help or ""))
    return command


def _section(title: str, lines: Iterable[str]) -> str:
    return f"\b\n{title}:\n" + "".join(f"  {line}\n" for line in lines)
