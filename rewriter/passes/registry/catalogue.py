"""All passes there are: our own, and those of other packages."""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.basics.display import Display, listed
from rewriter.passes.base import Pass
from rewriter.passes.registry.own import OWN, PASSES
from rewriter.passes.registry.plugins import find_plugins, load_plugin
from rewriter.refusals import UsageError


@dataclass(frozen=True, slots=True, repr=False)
class Catalogue(Display):
    """The passes that `rewrite` runs.

    Attributes:
        passes: our own in the order in which they make sense, then those of other packages.
        faults: why passes of other packages cannot be loaded, a line each.
    """

    passes: tuple[type[Pass], ...]
    faults: tuple[str, ...] = ()

    def _brief(self) -> str:
        return listed((step.name for step in self.passes), 20)


def known_passes() -> Catalogue:
    """All passes there are, with their options and what they do; the passes of other packages are loaded."""
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
