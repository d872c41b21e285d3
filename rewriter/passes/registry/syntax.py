"""Passes as text: `annotate,unshare,group{depth=2,only=encoder.**},share`; options are fields of the pass.

An option with several values is given once for each: `group{only=encoder.*,only=decoder.*}`. An option that
the command line has too may be written by its name there: `group{class=BertLayer,not=encoder.layer.0}`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from rewriter.basics import option_declaration
from rewriter.basics.nearest import fits_nothing
from rewriter.basics.option_declaration import texts
from rewriter.errors import UsageError
from rewriter.passes.base import Pass
from rewriter.passes.registry.builtin_passes import OWN, PASSES
from rewriter.passes.registry.plugins import find_plugins, load_plugin, made

_STEP = re.compile(r"\s*(?P<name>[a-z_][a-z_0-9]*)\s*(?:\{(?P<options>[^{}]*)\})?\s*(?:,|$)")
_OPTION = re.compile(r"\s*(?P<name>[a-z_][a-z_0-9]*)\s*=\s*(?P<value>[^,]*?)\s*(?:,|$)")
_TRUTH = {"true": True, "false": False}


def parse_passes(text: str) -> tuple[Pass, ...]:
    """Return the passes in a text, with their options; a named pass of another package is loaded.

    Raises:
        UsageError: a pass or option is unknown, a value has the wrong type, an option is given twice, or the
            syntax is wrong; the message suggests the nearest name. Or a pass of another package cannot be
            loaded.
    """
    if not text.strip():
        names = [*(each.name for each in PASSES), *(each.name for each in find_plugins(OWN))]
        raise UsageError(f"no pass named; there are {', '.join(names)}")
    return tuple(_step(match["name"], match["options"] or "") for match in _matches(_STEP, text))


def options_of(step: type[Pass]) -> dict[str, Any]:
    """Return the options of a pass and their defaults."""
    assert is_dataclass(step)
    return {field.name: field.default for field in fields(step)}


def purpose_of(step: type[Pass]) -> str:
    """Return the purpose of a pass: the first paragraph of its class docstring."""
    return " ".join((step.__doc__ or "").partition("\n\n")[0].split())


def _step(name: str, text: str) -> Pass:
    step = next((each for each in PASSES if each.name == name), None)
    if step is None:
        plugins = find_plugins(OWN)
        step = load_plugin(name, plugins)
        if step is None:
            names = [*(each.name for each in PASSES), *(each.name for each in plugins)]
            raise UsageError(fits_nothing("pass", name, names, where="'rewriter passes'"))
    known = options_of(step)
    given: dict[str, Any] = {}
    flags = {each.flag[2:].replace("-", "_"): each.name for each in option_declaration.options_of(step)}
    for match in _matches(_OPTION, text):
        option = flags.get(match["name"], match["name"])
        if option not in known:
            raise UsageError(fits_nothing(f"option of pass {name!r}", option, known))
        value = _value(f"{name}{{{option}}}", match["value"], known[option])
        if isinstance(value, tuple):
            value = (*given.get(option, ()), *value)
        elif option in given:
            raise UsageError(f"{name}{{{option}}} is given twice; give it once")
        given[option] = value
    return made(step, given)


def _value(where: str, text: str, default: Any) -> Any:
    """Return the text as a value of the default's type; for a tuple, as a tuple of one text, or of none."""
    if isinstance(default, bool):
        if text not in _TRUTH:
            raise UsageError(f"{where}: {text!r} is neither true nor false")
        return _TRUTH[text]
    if isinstance(default, int):
        if not (text.isdecimal() and text.isascii() and len(text) < 10):
            raise UsageError(f"{where}: {text[:20]!r} is no number from 0 to 999999999")
        return int(text)
    if isinstance(default, float):
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise UsageError(f"{where}: {text[:20]!r} is no number")
        return number
    return texts(text) if isinstance(default, tuple) else text


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
