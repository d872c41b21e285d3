"""Passes of other packages, found by their entry points in the group `rewriter.passes`.

Installed packages are searched only for a name that no pass of this package has, or to list all passes. Code
of a package is imported only when its pass is loaded.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from rewriter.errors import RewriterError, UsageError
from rewriter.model.index.checked_index import indexed
from rewriter.modules.analysis import Analysis
from rewriter.passes.base import Outcome, Pass
from rewriter.passes.preserved_parts import fault_of_contract
from rewriter.passes.registry.outcomes import digest_of, fault_of_outcome, true_changes

GROUP = "rewriter.passes"
_OPTION_TYPES = (bool, int, float, str)
_MOST_OF_AN_ERROR = 300
"""Maximum characters of an error message from a package's code."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """Entry point: the name of a pass, and its package with version."""

    name: str
    package: str
    entry_point: EntryPoint

    def load(self) -> type[Pass]:
        """Return the class of the pass.

        Raises:
            UsageError: the class cannot be imported, or is no pass; the message names the package.
        """
        step = self.called(self.entry_point.load)
        if fault := self.called(lambda: _fault_of(step, self.name)):
            raise self.broken(fault)
        _PACKAGES[step] = self
        loaded: type[Pass] = step
        return loaded

    def called(self, code: Callable[[], Any]) -> Any:
        """Run code of the package and return its result; prints go to stderr, since stdout is for results.

        Raises:
            RewriterError: the code raised this error; the message names the package.
            UsageError: the code raised any other exception except KeyboardInterrupt; the message names the
                package.
        """
        try:
            with contextlib.redirect_stdout(sys.stderr):
                return code()
        except KeyboardInterrupt:
            raise
        except RewriterError as error:
            error.args = (f"{self}: {error}",)
            raise
        except BaseException as error:  # code of a package may raise anything
            raise self.broken(f"{type(error).__name__}: {error}".rstrip(": ")) from error

    def broken(self, fault: str) -> UsageError:
        """Return the error that states a fault of the pass, and its package."""
        text = " ".join(fault.split())[:_MOST_OF_AN_ERROR]
        return UsageError(f"{self}: {text}; mend or uninstall the package")

    def __str__(self) -> str:
        return f"pass {self.name!r} of package {self.package}"


_PACKAGES: dict[type[Pass], Plugin] = {}
"""Loaded passes of other packages."""


def find_plugins(taken: frozenset[str]) -> tuple[Plugin, ...]:
    """Return the passes of installed packages, sorted by name.

    Args:
        taken: names of this package's passes, which cannot be replaced.
    """
    found = []
    for each in entry_points(group=GROUP):
        package = f"{each.dist.name} {each.dist.version}" if each.dist else each.value
        if each.name not in taken:
            found.append(Plugin(each.name, package, each))
    return tuple(sorted(found, key=lambda plugin: (plugin.name, plugin.package)))


def load_plugin(name: str, plugins: tuple[Plugin, ...]) -> type[Pass] | None:
    """Return the class of the pass with a name; None if no package has such a pass.

    Raises:
        UsageError: several packages have a pass of that name, or the pass cannot be loaded.
    """
    named = [plugin for plugin in plugins if plugin.name == name]
    if len(named) > 1:
        packages = " and ".join(plugin.package for plugin in named)
        raise UsageError(f"pass {name!r} comes with {packages}; uninstall one of them")
    return named[0].load() if named else None


def package_of(step: type[Pass]) -> str | None:
    """Return the package of a pass, with its version; None for a pass of this package or of the caller."""
    plugin = _PACKAGES.get(step)
    return plugin.package if plugin else None


def made(step: type[Pass], options: dict[str, Any]) -> Pass:
    """Make a pass with its options.

    Raises:
        UsageError: a pass of another package refuses the options.
    """
    plugin = _PACKAGES.get(step)
    made: Pass = plugin.called(lambda: step(**options)) if plugin else step(**options)
    return made


def run(step: Pass, analysis: Analysis) -> Outcome:
    """Run a pass; the result of another package's pass is checked against the model that it leaves.

    Raises:
        UsageError: the pass returned no Outcome. Or a pass of another package failed, or left a model that
            cannot be read; then the message names the package.
        RewriterError: the pass raised this error.
    """
    plugin = _PACKAGES.get(type(step))
    if plugin is None:
        own = step.run(analysis)
        if not isinstance(own, Outcome):
            raise UsageError(f"pass {step.name!r}: run gives {type(own).__name__}, not an Outcome")
        return own
    before = digest_of(analysis.model)
    outcome: Outcome = plugin.called(lambda: step.run(analysis))
    if fault := plugin.called(lambda: fault_of_outcome(outcome)):
        raise plugin.broken(fault)
    try:
        indexed(analysis.model, ordered=True)
    except RewriterError as error:
        raise plugin.broken(f"leaves a model that cannot be read: {error}") from error
    after = digest_of(analysis.model)
    changes = outcome.changes if before is None else true_changes(outcome.changes, changed=before != after)
    return replace(outcome, changes=changes, analysis=None)


def packages_of(steps: Sequence[Pass]) -> str:
    """Return the passes of other packages among `steps`, as text for a message; '' if there are none."""
    plugins = (_PACKAGES.get(type(step)) for step in steps)
    return " and ".join(dict.fromkeys(str(plugin) for plugin in plugins if plugin is not None))


def _fault_of(step: Any, name: str) -> str | None:
    """Return the reason why a class is no pass; None if it is one."""
    if not (isinstance(step, type) and is_dataclass(step)):
        return "is no dataclass"
    if getattr(step, "name", None) != name:
        return f"its class is called {getattr(step, 'name', None)!r}"
    if not callable(getattr(step, "run", None)):
        return "has no run(analysis)"
    if fault := fault_of_contract(step):
        return fault
    return next(_faults_of_options(step), None)


def _faults_of_options(step: Any) -> Iterator[str]:
    for field in fields(step):
        if field.default is MISSING:
            yield f"option {field.name!r} has no default"
        elif type(field.default) not in _OPTION_TYPES:
            yield f"option {field.name!r} is neither text nor a number nor true or false"
        elif isinstance(field.default, float) and not math.isfinite(field.default):
            yield f"option {field.name!r} is no finite number by default"
