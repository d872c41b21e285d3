"""Results of verbs as JSON with published schemas.

Every result states its schema and version in `schema`. `views.schemas` generates the schemas from the
declared types of the results. Each module is imported on first use: a verb that only reads imports no prover.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.basics.lazy import names_of

if TYPE_CHECKING:
    from rewriter.views.json.evidence import conflicts_json, sources_json
    from rewriter.views.json.explanation import explain_json
    from rewriter.views.json.parts import parameter_json, placement_json
    from rewriter.views.json.proof import certificate_json, numeric_json, verify_json
    from rewriter.views.json.rewrite import rewrite_json
    from rewriter.views.json.tree import tree_json
    from rewriter.views.json.types import JsonObject
    from rewriter.views.schemas import schema

__all__ = [
    "JsonObject",
    "certificate_json",
    "conflicts_json",
    "explain_json",
    "numeric_json",
    "parameter_json",
    "placement_json",
    "rewrite_json",
    "schema",
    "sources_json",
    "tree_json",
    "verify_json",
]

_HOME = {
    **dict.fromkeys(("conflicts_json", "sources_json"), "evidence"),
    "explain_json": "explanation",
    **dict.fromkeys(("parameter_json", "placement_json"), "parts"),
    **dict.fromkeys(("certificate_json", "numeric_json", "verify_json"), "proof"),
    "rewrite_json": "rewrite",
    "tree_json": "tree",
    "JsonObject": "types",
    "schema": ".schemas",
}


__getattr__ = names_of(__name__, _HOME)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
