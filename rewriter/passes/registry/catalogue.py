"""Lists all passes: those of this package and of other packages."""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.basics.display import Display, listed
from rewriter.errors import UsageError
from rewriter.passes.base import Pass
from rewriter.passes.registry.builtin_passes import OWN, PASSES
from rewriter.passes.registry.plugins import find_plugins, load_plugin


@dataclass(frozen=True, slots=True, repr=False)
class Catalogue(Display):
    """Passes that `rewrite` can run.

    Attributes:
        passes: the passes of this package in recommended order, then those of other packages.
        faults: reasons why passes of other packages cannot be loaded, a line each.
    """

    passes: tuple[type[Pass], ...]
    faults: tuple[str, ...] = ()

    def _brief(self) -> str:
        return listed((step.name for step in self.passes), 20)


def known_passes() -> Catalogue:
    """Return all passes; passes of other packages are loaded."""
    plugins = find_plugins(OWN)
    loaded, faults = [], []
    for name in dict.fromkeys(plugin.name for plugin in plugins):
        try:
            step = load_plugin(name, plugins)
        except UsageError as error:
            faults.append(str(error))
        else:
            assert step is not None
            loaded.append(step)
    return Catalogue((*PASSES, *loaded), tuple(faults))
