"""Sums of a figure of tensors over the tree: each tensor counts once, however many modules share it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter

from rewriter.evidence.claims import InitializerSlice
from rewriter.evidence.roles import Role
from rewriter.modules.module import Module, Tensor
from rewriter.paths import ModulePath, common_ancestor


def totals(
    modules: Mapping[ModulePath, Module],
    role: Role = Role.PARAMETER,
    of: Callable[[Tensor], int] = attrgetter("count"),
) -> dict[ModulePath, tuple[int, int]]:
    """Return a figure of the tensors of one role for each module: of its own tensors, and with all below.

    A tensor that several modules share counts once in every module above them. For each two owners of the
    tensor that follow each other in tree order, the lowest module that holds both subtracts the figure once.

    Args:
        modules: the modules of a tree, depth first.
        role: the role of the tensors to count.
        of: the figure of one tensor; its number of elements by default.
    """
    own = dict.fromkeys(modules, 0)
    back = dict.fromkeys(modules, 0)
    owner_of: dict[tuple[int, InitializerSlice | None], ModulePath] = {}
    for module in modules.values():
        for tensor in module.tensors:
            if tensor.role is not role:
                continue
            own[module.path] += of(tensor)
            held = (tensor.value, tensor.part)
            previous = owner_of.get(held)
            if previous is not None and (both := common_ancestor((previous, module.path))) is not None:
                back[both] += of(tensor)
            owner_of[held] = module.path
    total = {path: own[path] - back[path] for path in own}
    for module in reversed(tuple(modules.values())):
        if module.parent is not None:
            total[module.parent] += total[module.path]
    return {path: (own[path], total[path]) for path in own}
