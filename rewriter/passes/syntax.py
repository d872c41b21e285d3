"""Passes as text: `annotate,unshare,group{depth=2,only=encoder.**},share`; options are fields of the pass."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.flatten import Flatten
from rewriter.passes.group import Group
from rewriter.passes.layer_annotations import LayerAnnotations
from rewriter.passes.plugins import Plugin, find_plugins, load_plugin, made
from rewriter.passes.restore_names import RestoreNames
from rewriter.passes.share import Share
from rewriter.passes.unshare import Unshare
from rewriter.refusals import UsageError

PASSES: tuple[type[Pass], ...] = (
    Annotate,
    RestoreNames,
    Unshare,
    Group,
    Share,
    LayerAnnotations,
    Flatten,
)
"""Every pass of our own, in the order in which they make sense."""

OWN = frozenset(each.name for each in PASSES)
"""Their names."""

_STEP = re.compile(r"\s*(?P<name>[a-z_][a-z_0-9]*)\s*(?:\{(?P<options>[^{}]*)\})?\s*(?:,|$)")
_OPTION = re.compile(r"\s*(?P<name>[a-z_][a-z_0-9]*)\s*=\s*(?P<value>[^,]*?)\s*(?:,|$)")
_TRUTH = {"true": True, "false": False}


def parse_passes(text: str) -> tuple[Pass, ...]:
    """Read passes and their options; passes of other packages are loaded where they are named.

    Raises:
        UsageError: an unknown pass or option, a value of the wrong type, or a slip of the pen; the message
            names what there is. Or a pass of another package that cannot be loaded.
    """
    if not text.strip():
        raise UsageError(f"no pass named; there are {_names(find_plugins(OWN))}")
    return tuple(_step(match["name"], match["options"] or "") for match in _matches(_STEP, text))


def options_of(step: type[Pass]) -> dict[str, Any]:
    """The options of a pass and their defaults."""
    assert is_dataclass(step)
    return {field.name: field.default for field in fields(step)}


def purpose_of(step: type[Pass]) -> str:
    """What a pass does and what it leaves, in the words of its class: the first paragraph."""
    return " ".join((step.__doc__ or "").partition("\n\n")[0].split())


def _step(name: str, text: str) -> Pass:
    step = next((each for each in PASSES if each.name == name), None)
    if step is None:
        plugins = find_plugins(OWN)
        step = load_plugin(name, plugins)
        if step is None:
            raise UsageError(f"unknown pass {name!r}; there are {_names(plugins)}")
    known = options_of(step)
    given: dict[str, Any] = {}
    for match in _matches(_OPTION, text):
        option = match["name"]
        if option not in known:
            there = f"its options are {_listed(known)}" if known else "it has none"
            raise UsageError(f"pass {name!r} has no option {option!r}; {there}")
        given[option] = _value(f"{name}{{{option}}}", match["value"], known[option])
    return made(step, given)


def _value(where: str, text: str, default: Any) -> Any:
    """The text as a value of the type that the default has."""
    if isinstance(default, bool):
        if text not in _TRUTH:
            raise UsageError(f"{where}: {text!r} is neither true nor false")
        return _TRUTH[text]
    if isinstance(default, int):
        if not (text.isdecimal() and text.isascii() and len(text) < 10):
            raise UsageError(f"{where}: {text[:20]!r} is no number of 0 or more, of at most nine digits")
        return int(text)
    if isinstance(default, float):
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise UsageError(f"{where}: {text[:20]!r} is no number")
        return number
    return text


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    position = 0
    while position < len(text):
        match = pattern.match(text, position)
        if match is None:
            raise UsageError(
                f"cannot read {text[position:]!r}; write as in 'annotate,group{{depth=2}},share'"
            )
        yield match
        position = match.end()


def _names(plugins: Iterable[Plugin]) -> str:
    return _listed([*(each.name for each in PASSES), *(each.name for each in plugins)])


def _listed(names: Any) -> str:
    return ", ".join(names)
