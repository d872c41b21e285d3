"""Results of each verb as JSON with published schemas.

Every result names its schema and version in `schema`; `json_schema` makes the schemas of the types that the
views declare.
"""

from __future__ import annotations

from rewriter.views.json_parts import parameter_json, placement_json
from rewriter.views.json_proof import certificate_json, numeric_json, verify_json
from rewriter.views.json_rewrite import rewrite_json
from rewriter.views.json_schema import schema
from rewriter.views.json_sources import sources_json
from rewriter.views.json_tree import explain_json, tree_json
from rewriter.views.json_types import JsonObject

__all__ = [
    "JsonObject",
    "certificate_json",
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
