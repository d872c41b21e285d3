"""Module names with or without the prefix of a wrapper: `encoder` and `model.encoder` may name one module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rewriter.paths import ROOT, ModulePath

if TYPE_CHECKING:
    from rewriter.modules.module import ModuleTree

TORCH_WRAPPERS = frozenset({"model", "module", "_orig_mod"})
"""Names that wrappers give the module inside: those of users, of DataParallel, and of torch.compile."""


def spellings(glob: str, tree: ModuleTree) -> Iterator[str]:
    """A glob over module paths as it is, then as the file may have it; the first that fits counts.

    The file may have a wrapper around everything, which the glob leaves out; or it has none of that name,
    and the glob has one.
    """
    bare = [glob]
    first, _, rest = glob.partition(".")
    if rest and first in TORCH_WRAPPERS and ModulePath(first) not in tree:
        bare.append(rest)
    for text in bare:
        yield text
        yield from (f"{wrapper}.{text}" for wrapper in wrappers(tree) if text)


def wrappers(tree: ModuleTree) -> Iterator[ModulePath]:
    """The modules that hold all others, from the outside in: each the only child of the one before.

    An item of a list is no wrapper, whatever it is the only one of.
    """
    path = ROOT
    while len(children := tree.modules[path].children) == 1:
        (path,) = children
        if path.name.isdecimal():
            return
        yield path
