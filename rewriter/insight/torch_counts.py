"""Tells why PyTorch counts other parameters than the file has."""

from __future__ import annotations

from collections.abc import Sequence

from rewriter.basics.display import counted
from rewriter.evidence.claims import Holds
from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ModulePath

_NAMED = 3
"""Maximum number of names in a reason."""


def differences(analysis: Analysis) -> tuple[str, ...]:
    """Return the reasons that the file shows why PyTorch counts other parameters, a phrase each."""
    found = [_of_folds(analysis.tree), _of_copies(analysis)]
    return tuple(phrase for phrase in found if phrase)


def _of_folds(tree: ModuleTree) -> str:
    """Describe the layers into which other parameters were folded; '' without any."""
    count = sum(
        bool(parameter.formula) and len(parameter.shape) > 1
        for module in tree
        for parameter in module.parameters
    )
    if not count:
        return ""
    return f"{counted(count, 'layer')} with other parameters folded in; the file has only the results"


def _of_copies(analysis: Analysis) -> str:
    """Describe the parameters that several initializers hold; '' without any."""
    held: dict[ModulePath, set[str]] = {}
    for claim in analysis.parameters:
        if claim.holds in (Holds.EXACT, Holds.TRANSPOSED, Holds.RESHAPED):
            held.setdefault(claim.name, set()).add(claim.initializer)
    copied = [name for name, initializers in held.items() if len(initializers) > 1]
    if not copied:
        return ""
    return f"{counted(len(copied), 'parameter')} stored more than once ({_listed(copied)})"


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
