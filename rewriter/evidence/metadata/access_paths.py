"""Reads module paths with Python attributes in them, which torch writes if `forward` was replaced.

Strict export names a submodule by the expression that reached it. If somebody replaced `forward` on an
instance, that expression goes through a bound method, a closure or a partial, none of which is a module:

==============================================================  =================
`layers.0.forward.__self__.fc1`                                 `layers.0`, `fc1`
`layers.0.forward.func.__kwdefaults__['_old'].__self__.fc1`     `layers.0`, `fc1`
`forward.__closure__[0].cell_contents.__self__.head`            the root, `head`
`layers.0.forward.args[0].fc1`                                  `layers.0`, `fc1`
==============================================================  =================
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from typing import NamedTuple

from rewriter.evidence.names.scope_grammar import DEEPEST
from rewriter.paths import ModulePath

_ATOM = re.compile(r"(?:[^.\[\]]|\[(?:'[^']*'|\"[^\"]*\"|[^\]'\"]*)\])+")
_SUBSCRIPT = re.compile(r"\w+(?:\[(?:\d+|'[^']*'|\"[^\"]*\")\])+")
_OF_FUNCTION = re.compile(r"__(?:self|func|closure|defaults|kwdefaults|wrapped|code|globals)__\b")
_OF_PARTIAL = re.compile(r"(?:args|keywords)\[|func$")
_REPLACED = "forward"


class Access(NamedTuple):
    """Parts of a path that leads through attributes.

    Attributes:
        base: the module before the first attribute.
        way: the path up to the last attribute, which leads to a module again, mostly to `base`.
        rest: the submodule of that module; '' for the module itself.
    """

    base: ModulePath
    way: str
    rest: str


def read(text: str, modules: Set[str]) -> Access | None:
    """Split a path at its attributes; None if it names modules only, is too deep or cannot be parsed.

    Args:
        text: an entry of a module stack.
        modules: the modules known from names of parameters; these are never taken for attributes.
    """
    if ("__" not in text and "[" not in text and _REPLACED not in text) or text.count(".") > DEEPEST:
        return None
    atoms = _ATOM.findall(text)
    if ".".join(atoms) != text:
        return None
    access = [_is_access(atoms, position, modules) for position in range(len(atoms))]
    if True not in access:
        return None
    first = access.index(True)
    last = len(access) - 1 - access[::-1].index(True)
    base, rest = ModulePath(".".join(atoms[:first])), atoms[last + 1 :]
    end = _known_end(base, rest, modules) if atoms[last] == _REPLACED else ".".join(rest)
    return Access(base, ".".join(atoms[: last + 1]), end)


def _is_access(atoms: Sequence[str], position: int, modules: Set[str]) -> bool:
    """Whether an atom is an attribute and no module, by its form or by the attributes read from it."""
    if ".".join(atoms[: position + 1]) in modules:
        return False
    atom, behind = atoms[position], atoms[position + 1 :]
    if _OF_FUNCTION.match(atom) or atom == "cell_contents" or _SUBSCRIPT.fullmatch(atom):
        return True
    if atom == _REPLACED:
        return bool(behind)
    # `run.__self__`: only functions have this attribute. `run.func.__self__`: `run` is a partial of one.
    if behind and _OF_FUNCTION.match(behind[0]):
        return True
    return len(behind) > 1 and bool(_OF_PARTIAL.match(behind[0])) and bool(_OF_FUNCTION.match(behind[1]))


def _known_end(base: ModulePath, rest: Sequence[str], modules: Set[str]) -> str:
    """Return the submodule of `base` at the end of `rest`: `fc1` for `helper.fc1` behind `forward`.

    It is the longest end that is a known submodule of `base`, else the last atom.
    """
    ends = (".".join(rest[start:]) for start in range(len(rest)))
    return next((end for end in ends if base.child(end) in modules), rest[-1])
