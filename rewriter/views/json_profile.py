"""The time of a model by module as JSON; see `schemas/profile.schema.json`."""

from __future__ import annotations

from collections.abc import Container

from rewriter.insight.book import Figure
from rewriter.insight.profile import Profile
from rewriter.paths import ModulePath
from rewriter.views.escape import as_text
from rewriter.views.json import JsonObject

PROFILE = "rewriter.profile/1"


def profile_json(found: Profile, chosen: Container[ModulePath] | None = None) -> JsonObject:
    """The time of modules and classes, in microseconds of one run.

    Args:
        found: the profile.
        chosen: list these modules; all where None.
    """
    return {
        "schema": PROFILE,
        "runs": found.runs,
        "total": _figure(found.total),
        "span": _figure(found.span),
        "mapped": found.mapped,
        "shared": found.shared.mean,
        "peak_bytes": found.peak_bytes,
        "modules": [
            {
                "path": each.path,
                "class": each.class_name,
                "own": _figure(each.own),
                "total": _figure(each.total),
                "shared": each.shared,
                "share": found.share_of(each.total),
                "kernels": each.kernels,
                "output_bytes": each.output_bytes,
            }
            for each in found.modules
            if chosen is None or each.path in chosen
        ],
        "classes": [
            {
                "class": each.class_name,
                "modules": each.modules,
                "own": _figure(each.own),
                "share": found.share_of(each.own),
            }
            for each in found.classes
        ],
        "unmapped": {
            "time": _figure(found.unmapped),
            "share": found.share_of(found.unmapped),
            "kernels": [as_text(name) for name in found.unmapped_kernels],
        },
    }


def _figure(figure: Figure) -> JsonObject:
    return {
        "mean": figure.mean,
        "median": figure.median,
        "low": figure.low,
        "high": figure.high,
        "spread": figure.spread,
    }
