"""One declaration for an option of a verb: its name, type, default and help, in the field of a dataclass.

The command line, its help, batch's requests, Olive's configuration and the tables of the docs read these
fields; nothing else says what an option is called or does.
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
        name: of the field, and of the keyword in Python.
        kind: the type of a value, or of one of several: `bool`, `int`, `float`, `str` or `Path`.
        default: its default; None where it has to be given.
        several: whether it may be given again.
        help: one sentence for all who read it.
        flag: the word of the command line, `--restore-names`.
        short: one letter for the command line.
        metavar: what stands for the value.
        choices: the words that there are.
        least: the smallest number.
        above: a number that all are larger than.
        most: the largest number.
        required: whether the command line demands it.
        shown: whether help shows the default.
        read: makes a value of the text that a command line has.
        said: the text of such a value.
        completes: what a shell completes: a function of `cli.completions`.
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
        """The word that turns it off, `--no-numbers`; None for what has none."""
        return f"--no-{self.flag[2:]}" if self.kind is bool and self.default is not False else None


class Verb:
    """The options of a verb: its own, then those of the groups that it inherits, in their order.

    Args:
        omit: names of options of the groups that this verb does not have.
        arguments: options that are arguments of the command line here -> how help writes them.
    """

    omitted: ClassVar[Sequence[str]] = ()
    arguments: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(
        cls, *, omit: Sequence[str] = (), arguments: Mapping[str, str] | None = None
    ) -> None:
        cls.omitted, cls.arguments = omit, arguments or {}


def option(default: Any, help: str, **told: Any) -> Any:
    """A field that is an option; see `Option` for what else may be said."""
    return field(default=default, metadata={_TOLD: {"help": help, **told}})


def argument(default: Any = MISSING, **told: Any) -> Any:
    """A field that is an argument of the command line; one without a default has to be given."""
    told = {"required": default is MISSING, "positional": True, **told}
    return field(default=default, metadata={_TOLD: told})


def again(cls: type, name: str) -> Any:
    """A field that is an option of another dataclass, under the same name."""
    declared = next(each for each in fields(cls) if each.name == name)
    return field(default=declared.default, metadata=declared.metadata)


@cache
def options_of(cls: type) -> tuple[Option, ...]:
    """The options of a dataclass; what a class declares counts, not what its base does."""
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
    """The fields of a class, then those of its bases, with their types."""
    told = {each.name for each in fields(cls) if _TOLD in each.metadata}
    for owner in cls.__mro__:
        if names := [name for name in vars(owner).get("__annotations__", {}) if name in told]:
            hints = get_type_hints(owner)
            yield from ((name, hints[name]) for name in names)


def _kind_of(hint: Any) -> tuple[type, bool]:
    """The type of one value, and whether there may be several: of a union the first that is one."""
    if get_origin(hint) in _UNIONS:
        kinds = [_kind_of(each) for each in get_args(hint) if each is not NoneType]
        return kinds[0][0], any(several for _, several in kinds)
    if get_origin(hint) is Literal:
        return type(get_args(hint)[0]), False
    return (get_args(hint)[0], True) if get_origin(hint) is tuple else (hint, False)


def _choices(hint: Any) -> tuple[str, ...]:
    """The words that a type has, of a union those of all its parts."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    parts = get_args(hint) if get_origin(hint) in _UNIONS else ()
    return tuple(word for each in parts for word in _choices(each))


def values(cls: type, options: object) -> dict[str, Any]:
    """The values that options have for the fields of a dataclass, by name."""
    return {each.name: getattr(options, each.name) for each in fields(cls) if each.init}


def part(cls: type[T], options: object) -> T:
    """A group of the options of a verb, alone."""
    return cls(**values(cls, options))


def texts(given: str | Sequence[str]) -> tuple[str, ...]:
    """The words of a text or of several; none for an empty text."""
    return ((given,) if given else ()) if isinstance(given, str) else tuple(given)
