"""Sections of a help page besides its options: examples, and the exit codes of the verb."""

from __future__ import annotations

import re
from collections.abc import Iterable
from inspect import cleandoc

import click

_EXAMPLES = re.compile(r"\n*\x08\n((?: +rewriter .*\n?)+)")
"""The block of commands that ends the docstring of a verb, after click's mark against wrapping."""

_PROOF = {
    1: "the result is different, nothing written",
    5: "not proved equal, or numbers demanded and not taken; nothing written",
}
_OF_ALL = {2: "usage, nothing fits a name, or an output cannot be written", 3: "unreadable or refused input"}
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
        70: "a file crashed the process, or met a fault of our own",
    },
    "flatten": _PROOF,
    "extract": _PROOF,
    "split": _PROOF,
    "verify": {
        0: "equal, or within the tolerance that was given",
        1: "different",
        5: "not proved, or numbers demanded and not taken",
    },
    "diff": {0: "the numbers agree, or no module differs where none were taken", 1: "they differ"},
    "doctor": {0: "done, whatever the warnings say", 4: "warnings under --strict"},
    "passes": {3: ""},
    "completion": {3: ""},
}


def exit_codes(verb: str) -> dict[int, str]:
    """Exit code -> its meaning for a verb, for the codes that the verb can return."""
    codes = {0: "done", **_OF_ALL, **_OF_VERBS.get(verb, {})}
    return {code: meaning for code, meaning in sorted(codes.items()) if meaning}


def examples(command: click.Command) -> tuple[str, ...]:
    """The commands at the end of a verb's docstring."""
    found = _EXAMPLES.search(command.help or "")
    return tuple(line.strip() for line in found[1].splitlines()) if found else ()


def paged(verb: str, command: click.Command) -> click.Command:
    """The command with its examples and exit codes below the options, as manual pages have them."""
    sections = {
        "Examples": examples(command),
        "Exit codes": [f"{code}  {meaning}" for code, meaning in exit_codes(verb).items()],
    }
    command.epilog = "\n".join(_section(title, lines) for title, lines in sections.items() if lines)
    command.help = _EXAMPLES.sub("", cleandoc(command.help or ""))
    return command


def _section(title: str, lines: Iterable[str]) -> str:
    return f"\b\n{title}:\n" + "".join(f"  {line}\n" for line in lines)
