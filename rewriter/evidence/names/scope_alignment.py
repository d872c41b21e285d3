"""Aligns a TorchScript scope with the dotted path of a module.

A scope is the chain of modules on the call stack, each under its *unqualified* name: the last atom that is
not a number, with the numbers after it (torch/onnx/_internal/torchscript_exporter/utils.py,
`_setup_trace_module_map`). The scope of `encoder.layer.0.attention`, called through its parents, is
`encoder/layer.0/attention`; that of `seq.0.1` inside `seq.0` is `seq/seq.0/seq.0.1`. A container that is
never called does not appear. The name of a module may contain '/' (any character but '.'), so a scope cannot
be split at its slashes before it is compared with a path.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from rewriter.paths import ModulePath


class Alignment(NamedTuple):
    """A scope read as a path.

    Attributes:
        steps: for every component of the scope after the detour, (its end in the scope, the module that it
            stands for), outermost first; the last step ends with the scope.
        hidden: number of atoms of the path that no component shows: containers that are never called.
        detour: number of leading characters of the scope that do not lead to the path: modules on the call
            stack that call a module from elsewhere in the tree.
    """

    steps: tuple[tuple[int, ModulePath], ...]
    hidden: int
    detour: int = 0


@lru_cache(maxsize=65536)
def unqualified(path: str) -> str:
    """Return the name of a module in a scope; the whole path if all atoms are numbers."""
    atoms = path.split(".")
    for position in range(len(atoms) - 1, -1, -1):
        if not atoms[position].isnumeric():  # the same test as in torch
            return ".".join(atoms[position:])
    return path


@lru_cache(maxsize=65536)
def _prefixes(path: str) -> tuple[tuple[ModulePath, tuple[str, ...], int], ...]:
    """Return (module, its possible names, number of atoms) of every module from below the root to `path`.

    Scripted modules appear under their last atom (`/seq/0/Gemm`), traced ones under their unqualified name.
    """
    atoms = path.split(".")
    modules = [".".join(atoms[:end]) for end in range(1, len(atoms) + 1)]
    return tuple(
        (ModulePath(module), tuple(dict.fromkeys((unqualified(module), atoms[depth - 1]))), depth)
        for depth, module in enumerate(modules, 1)
    )


def align(scope: str, path: str) -> Alignment | None:
    """Read all of `scope` as a call chain down to `path`, with as few hidden containers as possible."""
    return _align(scope, path, 0)


def align_from_elsewhere(scope: str, path: str) -> Alignment | None:
    """Read the end of `scope` as a call chain to `path`.

    Drop at least one leading component, and as few as possible.
    """
    start = scope.find("/") + 1
    while start:
        found = _align(scope, path, start)
        if found:
            return found
        start = scope.find("/", start) + 1
    return None


def align_above(scope: str, path: str) -> Alignment | None:
    """Read `scope` as a call chain to the nearest possible ancestor of `path`, below the root.

    This ancestor uses the weights of a descendant.
    """
    for parent in ModulePath(path).ancestors():
        if parent and (found := align(scope, parent)):
            return found
    return None


def align_beneath(scope: str, path: str) -> Alignment | None:
    """Read the beginning of `scope` as a call chain to `path`: a descendant uses the weights of `path`."""
    end = scope.rfind("/")
    while end > 0:
        if found := align(scope[:end], path) or align_from_elsewhere(scope[:end], path):
            return found
        end = scope.rfind("/", 0, end)
    return None


def _align(scope: str, path: str, start: int) -> Alignment | None:
    prefixes = _prefixes(path)
    if not scope.endswith(prefixes[-1][1]):
        return None
    best: Alignment | None = None
    # Depth-first over (position in the scope, prefixes used up); chains are short, so dead ends cost little.
    stack: list[tuple[int, int, int, tuple[tuple[int, ModulePath], ...]]] = [(start, 0, 0, ())]
    while stack:
        position, used, hidden, steps = stack.pop()
        depth = prefixes[used - 1][2] if used else 0
        for index in range(used, len(prefixes)):
            module, names, below = prefixes[index]
            for name in names:
                end = position + len(name)
                if not scope.startswith(name, position) or (end < len(scope) and scope[end] != "/"):
                    continue
                skipped = hidden + max(0, below - depth - (name.count(".") + 1))
                taken = (*steps, (end, module))
                if end < len(scope):
                    stack.append((end + 1, index + 1, skipped, taken))
                elif index == len(prefixes) - 1 and (best is None or skipped < best.hidden):
                    best = Alignment(taken, skipped, start)
    return best
