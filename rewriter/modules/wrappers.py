"""Module names with or without the prefix of a wrapper: `encoder` and `model.encoder` may name one module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rewriter.paths import ROOT, ModulePath

if TYPE_CHECKING:
    from rewriter.modules.module_tree import ModuleTree

TORCH_WRAPPERS = frozenset({"model", "module", "_orig_mod"})
"""Names of a module inside a wrapper: those that users choose, DataParallel's, and torch.compile's."""


def spellings(glob: str, tree: ModuleTree) -> Iterator[str]:
    """Yield a glob over module paths, then other spellings of it; callers take the first one that matches.

    The file may have a wrapper that the glob leaves out, or the glob may have a wrapper that the file lacks.
    """
    bare = [glob]
    first, _, rest = glob.partition(".")
    if rest and first in TORCH_WRAPPERS and ModulePath(first) not in tree:
        bare.append(rest)
    for text in bare:
        yield text
        yield from (f"{wrapper}.{text}" for wrapper in wrappers(tree) if text)


def wrappers(tree: ModuleTree) -> Iterator[ModulePath]:
    """Yield the only child of the root, the only child of that child, and so on.

    A numbered module is an item of a list and no wrapper, even if it is an only child.
    """
    path = ROOT
    while len(children := tree.modules[path].children) == 1:
        (path,) = children
        if path.name.isdecimal():
            return
        yield path
