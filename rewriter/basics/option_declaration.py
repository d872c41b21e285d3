"""Declares an option of a verb once, as a field of a dataclass: its name, type, default and help.

The command line, its help, batch requests, Olive's configuration and the tables of the docs read these
fields. Only the functions of the Python library state options again, as keywords.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

_TOLD = "rewriter.option"
_UNIONS = (UnionType, Union)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a verb.

    Attributes:
        name: name of the field, and of the keyword in Python.
        kind: type of one value: `bool`, `int`, `float`, `str` or `Path`.
        default: the default; None if the option is required.
        several: whether the option takes several values.
        help: the help text.
        flag: the option on the command line, such as `--restore-names`.
        short: the short option on the command line, such as `-o`.
        metavar: placeholder of the value in help texts.
        choices: the allowed words; empty for any.
        least: lower bound of a number, inclusive.
        above: lower bound of a number, exclusive.
        most: upper bound of a number, inclusive.
        required: whether the command line requires the option.
        shown: whether help shows the default.
        read: function that parses the text on the command line; None for the default of `kind`.
        said: function that returns a value as text, for help.
        completes: name of the function in `cli.completions` that completes the value.
        positional: whether it is an argument of the command line.
    """

    name: str
    kind: type
    default: Any
    several: bool
    help: str = ""
    flag: str
    short: str = ""
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    least: float | None = None
    above: float | None = None
    most: float | None = None
    required: bool = False
    shown: bool = False
    read: Callable[[str], Any] | None = None
    said: Callable[[Any], str] = str
    completes: str = ""
    positional: bool = False

    @property
    def switch(self) -> str | None:
        """The option that turns a flag off, such as `--no-numbers`; None if there is none."""
        return f"--no-{self.flag[2:]}" if self.kind is bool and self.default is not False else None


class Verb:
    """Base class of the options of a verb: its own options, then those of the groups that it inherits.

    Args:
        omit: names of inherited options that this verb does not have.
        arguments: option that is an argument of the command line for this verb -> its metavar.
    """

    omitted: ClassVar[Sequence[str]] = ()
    arguments: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(
        cls, *, omit: Sequence[str] = (), arguments: Mapping[str, str] | None = None
    ) -> None:
        cls.omitted, cls.arguments = omit, arguments or {}


def option(default: Any, help: str, **told: Any) -> Any:
    """Return a dataclass field that is an option; `told` has further attributes of `Option`."""
    return field(default=default, metadata={_TOLD: {"help": help, **told}})


def argument(default: Any = MISSING, **told: Any) -> Any:
    """Return a dataclass field that is an argument of the command line; required if it has no default."""
    told = {"required": default is MISSING, "positional": True, **told}
    return field(default=default, metadata={_TOLD: told})


def again(cls: type, name: str) -> Any:
    """Return a field that declares an option of another dataclass again, under the same name."""
    declared = next(each for each in fields(cls) if each.name == name)
    return field(default=declared.default, metadata=declared.metadata)


@cache
def options_of(cls: type) -> tuple[Option, ...]:
    """Return the options of a dataclass; a declaration in a subclass overrides that of its base."""
    found: dict[str, Option] = {}
    declared = {each.name: each for each in fields(cls)}
    for name, hint in _hints(cls):
        if name not in found and name not in getattr(cls, "omitted", ()):
            kind, several = _kind_of(hint)
            default = None if declared[name].default is MISSING else declared[name].default
            told = {
                "flag": f"--{name.replace('_', '-')}",
                "choices": _choices(hint),
                **declared[name].metadata[_TOLD],
            }
            found[name] = Option(name=name, kind=kind, default=default, several=several, **told)
    for name, metavar in getattr(cls, "arguments", {}).items():
        found[name] = replace(found[name], metavar=metavar, positional=True)
    return tuple(found.values())


def _hints(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield name and type of the options of a class, then of its bases."""
    told = {each.name for each in fields(cls) if _TOLD in each.metadata}
    for owner in cls.__mro__:
        if names := [name for name in vars(owner).get("__annotations__", {}) if name in told]:
            hints = get_type_hints(owner)
            yield from ((name, hints[name]) for name in names)


def _kind_of(hint: Any) -> tuple[type, bool]:
    """Return the type of one value, and whether several values are allowed; a union has its first type."""
    if get_origin(hint) in _UNIONS:
        kinds = [_kind_of(each) for each in get_args(hint) if each is not NoneType]
        return kinds[0][0], any(several for _, several in kinds)
    if get_origin(hint) is Literal:
        return type(get_args(hint)[0]), False
    return (get_args(hint)[0], True) if get_origin(hint) is tuple else (hint, False)


def _choices(hint: Any) -> tuple[str, ...]:
    """Return the words of a `Literal`, and of all literals in a union."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    parts = get_args(hint) if get_origin(hint) in _UNIONS else ()
    return tuple(word for each in parts for word in _choices(each))


def values(cls: type, options: object) -> dict[str, Any]:
    """Return the values of the fields of `cls` in `options`, by name."""
    return {each.name: getattr(options, each.name) for each in fields(cls) if each.init}


def part(cls: type[T], options: object) -> T:
    """Return one group of the options of a verb."""
    return cls(**values(cls, options))


def texts(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return one text or several as a tuple; an empty text gives an empty tuple."""
    return ((given,) if given else ()) if isinstance(given, str) else tuple(given)
