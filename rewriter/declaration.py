"""One declaration for an option of a verb: its name, type, default and help, in the field of a dataclass.

The command line, its help, batch's requests, Olive's configuration and the tables of the docs read these
fields; nothing else says what an option is called or does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from rewriter.nearest import fits_nothing
from rewriter.refusals import UsageError

_TOLD = "rewriter.option"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a field says of its option besides name, type and default.

    Attributes:
        help: one sentence for all who read it.
        flag: on the command line, where it is not the name of the field.
        short: one letter for the command line.
        metavar: what stands for the value.
        choices: the words that there are.
        least: the smallest number.
        above: a number that all are larger than.
        most: the largest number.
        required: whether the command line demands it.
        shown: whether help shows the default.
        read: makes a value of the text that a command line has.
        said: the text of a value, where it is not the number itself.
        completes: what a shell completes: a function of `cli.completing`.
        positional: whether it is an argument of the command line, and no option.
    """

    help: str = ""
    flag: str = ""
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


@dataclass(frozen=True, slots=True)
class _Group:
    """A field that holds the options of another dataclass."""

    leave_out: tuple[str, ...]
    positional: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Declared:
    """An option of a verb.

    Attributes:
        name: of the field, and of the keyword in Python.
        kind: the type of a value, or of one of several: `bool`, `int`, `float`, `str` or `Path`.
        default: its default; None where the command line demands it.
        several: whether it may be given again.
        told: the rest.
    """

    name: str
    kind: type
    default: Any
    several: bool
    told: Told

    @property
    def flag(self) -> str:
        """The word of the command line, `--restore-names`."""
        return self.told.flag or f"--{self.name.replace('_', '-')}"

    @property
    def switch(self) -> str | None:
        """The word that turns it off, `--no-numbers`; None for what has none."""
        return f"--no-{self.flag[2:]}" if self.kind is bool and self.default is not False else None

    def demand(self, value: Any) -> None:
        """Refuse a word that is none of the choices, whoever gives it.

        Raises:
            UsageError: it is none of them.
        """
        for word in value if isinstance(value, tuple) else (value,):
            if self.told.choices and word is not None and word not in self.told.choices:
                raise UsageError(fits_nothing(self.name, word, self.told.choices))


def option(default: Any, help: str, **told: Any) -> Any:
    """A field that is an option; see `Told` for what else may be said."""
    return field(default=default, metadata={_TOLD: Told(help=help, **told)})


def argument(default: Any = MISSING, **told: Any) -> Any:
    """A field that is an argument of the command line; one without a default has to be given."""
    told = {"required": default is MISSING, **told}
    return field(default=default, metadata={_TOLD: Told(positional=True, **told)})


def group(
    cls: type[T], *, leave_out: Sequence[str] = (), positional: Mapping[str, str] = MappingProxyType({})
) -> T:
    """A field for options that several verbs share.

    Args:
        cls: the dataclass that declares them.
        leave_out: those that this verb does not have.
        positional: those that are arguments of the command line here, and how help writes them.
    """
    told = _Group(tuple(leave_out), positional)
    made: T = field(default_factory=cls, metadata={_TOLD: told})
    return made


def again(cls: type, name: str) -> Any:
    """A field that is an option of another dataclass, under the same name."""
    told = next(each for each in declared(cls) if each.name == name)
    return field(default=told.default, metadata={_TOLD: told.told})


@cache
def declared(cls: type) -> tuple[Declared, ...]:
    """The options of a dataclass, those of its groups in their place."""
    return tuple(_declared(cls))


def _declared(cls: type) -> Iterator[Declared]:
    assert is_dataclass(cls)
    for each in fields(cls):
        told = each.metadata.get(_TOLD)
        if isinstance(told, _Group):
            for one in declared(group_of(each.default_factory)):
                if one.name not in told.leave_out:
                    yield _as_argument(one, told.positional[one.name]) if one.name in told.positional else one
        elif told is not None:
            kind, several = _kind_of(_hint(cls, each.name))
            default = None if each.default is MISSING else each.default
            yield Declared(each.name, kind, default, several, told)


def _as_argument(option: Declared, metavar: str) -> Declared:
    return replace(option, told=replace(option.told, metavar=metavar, positional=True))


def group_of(factory: Any) -> type:
    """The dataclass of a field that is a group."""
    assert isinstance(factory, type)
    return factory


def _hint(cls: type, name: str) -> Any:
    owner = next(each for each in cls.__mro__ if name in vars(each).get("__annotations__", {}))
    return get_type_hints(owner)[name]


def _kind_of(hint: Any) -> tuple[type, bool]:
    """The type of one value, and whether there may be several: of a union the first that is one."""
    if get_origin(hint) in (Union, UnionType):
        kinds = [_kind_of(each) for each in get_args(hint) if each is not NoneType]
        return kinds[0][0], any(several for _, several in kinds)
    if get_origin(hint) is tuple:
        return get_args(hint)[0], True
    return hint, False


def built(cls: type[T], values: dict[str, Any]) -> T:
    """The dataclass and its groups, of values by name; defaults for what has none.

    Raises:
        UsageError: a value is none of the choices.
    """
    assert is_dataclass(cls)
    made: dict[str, Any] = {}
    for each in fields(cls):
        told = each.metadata.get(_TOLD)
        if isinstance(told, _Group):
            made[each.name] = built(group_of(each.default_factory), values)
        elif each.name in values:
            made[each.name] = values[each.name]
    return cls(**made)


def shared(options: object) -> dict[str, Any]:
    """The values of a group by name, as another dataclass with these fields takes them."""
    assert is_dataclass(options)
    return {each.name: getattr(options, each.name) for each in fields(options)}


def texts(given: str | Sequence[str]) -> tuple[str, ...]:
    """Several words of a text or of several; none of an empty text."""
    return ((given,) if given else ()) if isinstance(given, str) else tuple(given)
