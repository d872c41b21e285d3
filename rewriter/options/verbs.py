"""Maps each verb to the dataclass of its options; a dataclass is imported only when its verb is called."""

from __future__ import annotations

from importlib import import_module

_VERBS_OF = {
    "look": ("Tree", "Explain", "Stats", "Select"),
    "show": ("Export", "Report", "Doctor", "Passes", "Completion"),
    "write": ("Rewrite", "Carry", "Batch", "Flatten"),
    "cut": ("Extract", "Split"),
    "edit": ("Tap", "Untap", "Drop", "Implant", "Replace"),
    "weights": ("Weights", "Refit"),
    "compare": ("Verify", "Diff", "Profile", "Precision"),
}
VERBS = {name.lower(): (module, f"{name}Options") for module, names in _VERBS_OF.items() for name in names}
"""Verb -> (module of this package, name of the dataclass in it)."""


def options_of_verb(verb: str) -> type:
    """Return the dataclass of a verb."""
    module, name = VERBS[verb]
    options: type = getattr(import_module(f"rewriter.options.{module}"), name)
    return options
