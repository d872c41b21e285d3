"""Python attribute access inside a module path: what torch writes where `forward` was replaced.

Strict export names a submodule by the expression that reached it. Where somebody replaced `forward` on an
instance, that expression goes through a bound method, a closure or a partial, and none of those is a module:

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

from rewriter.evidence.names.grammar import DEEPEST
from rewriter.paths import ModulePath

_ATOM = re.compile(r"(?:[^.\[\]]|\[(?:'[^']*'|\"[^\"]*\"|[^\]'\"]*)\])+")
_SUBSCRIPT = re.compile(r"\w+(?:\[(?:\d+|'[^']*'|\"[^\"]*\")\])+")
_OF_FUNCTION = re.compile(r"__(?:self|func|closure|defaults|kwdefaults|wrapped|code|globals)__\b")
_OF_PARTIAL = re.compile(r"(?:args|keywords)\[|func$")
_REPLACED = "forward"


class Access(NamedTuple):
    """A path through attributes: by `way`, from the module `base`, to a module and what it calls `rest`.

    `rest` is '' for that module itself, which mostly is `base`.
    """

    base: ModulePath
    way: str
    rest: str


def read(text: str, modules: Set[str]) -> Access | None:
    """Split a path at the attributes it leads through; None where it names modules only.

    Args:
        text: an entry of a module stack.
        modules: the modules that the names of parameters tell of; these are never taken for attributes.
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
    """Whether an atom is an attribute and no module, by itself or by what is read of it."""
    if ".".join(atoms[: position + 1]) in modules:
        return False
    atom, behind = atoms[position], atoms[position + 1 :]
    if _OF_FUNCTION.match(atom) or atom == "cell_contents" or _SUBSCRIPT.fullmatch(atom):
        return True
    if atom == _REPLACED:
        return bool(behind)
    # `run.__self__`: only a function has that attribute, and only a partial that holds one has `func`.
    if behind and _OF_FUNCTION.match(behind[0]):
        return True
    return len(behind) > 1 and bool(_OF_PARTIAL.match(behind[0])) and bool(_OF_FUNCTION.match(behind[1]))


def _known_end(base: ModulePath, rest: Sequence[str], modules: Set[str]) -> str:
    """What `forward.helper.fc1` calls of `base`: as much of it as is known to be a module, else the last."""
    ends = (".".join(rest[start:]) for start in range(len(rest)))
    return next((end for end in ends if base.child(end) in modules), rest[-1])
