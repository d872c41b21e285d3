"""Where the options of each verb are declared; only those of the verb that runs are loaded."""

from __future__ import annotations

from importlib import import_module

_VERBS_OF = {
    "look": ("Tree", "Explain", "Stats", "Select"),
    "show": ("Export", "Report", "Doctor", "Passes", "Completion"),
    "write": ("Rewrite", "Carry", "Batch", "Flatten"),
    "cut": ("Extract", "Split"),
    "compare": ("Verify", "Diff", "Profile"),
}
VERBS = {name.lower(): (module, f"{name}Options") for module, names in _VERBS_OF.items() for name in names}
"""Verb -> the module of this package and the dataclass in it."""


def options_of_verb(verb: str) -> type:
    """The dataclass of a verb."""
    module, name = VERBS[verb]
    options: type = getattr(import_module(f"rewriter.options.{module}"), name)
    return options
