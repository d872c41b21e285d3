"""The time of a model by module as JSON."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final, Literal, NotRequired, TypedDict

from rewriter.insight.profile import Profile
from rewriter.insight.time_by_module import Figure
from rewriter.paths import ModulePath
from rewriter.views.escape import as_text
from rewriter.views.json.types import Amount, ClassJson, ClassOrNullJson, Count

PROFILE: Final = "rewriter.profile/1"


class ProfileFigureJson(TypedDict):
    """Time of a run in microseconds, over all runs; half of the runs lie between `low` and `high`.

    Attributes:
        spread: Half the distance from low to high, as a share of the median; null if the median is 0.
    """

    mean: float
    median: float
    low: float
    high: float
    spread: NotRequired[float | None]


class ProfileModuleJson(ClassOrNullJson):
    """One module.

    Attributes:
        path: Module path; '' for the root.
        own: Time of the kernels of its own nodes; the time of a kernel of several modules
            is divided equally among these.
        total: Time of the kernels of its own nodes and of all modules below.
        shared: Part of the mean of `own` that comes from kernels of several modules.
        kernels: Number of kernels that compute its own nodes.
        output_bytes: Bytes that its kernels write in a run; a kernel of several modules is divided equally.
        share: `total` as a share of the time of all kernels, by medians.
    """

    path: str
    own: ProfileFigureJson
    total: ProfileFigureJson
    shared: float
    kernels: Count
    output_bytes: float
    share: NotRequired[Amount]


class ProfileClassJson(ClassJson):
    """Sum of the own times of all modules of one class.

    Attributes:
        class: Fully qualified class; `unknown` for the modules of unknown class.
        modules: Number of modules of the class that have a kernel.
        share: `own` as a share of the time of all kernels, by medians.
    """

    modules: Count
    own: ProfileFigureJson
    share: NotRequired[Amount]


class ProfileUnmappedJson(TypedDict):
    """Kernels whose module is unknown.

    Attributes:
        kernels: Names of the kernels, the slowest first by medians.
        share: `time` as a share of the time of all kernels, by medians.
    """

    time: ProfileFigureJson
    kernels: Sequence[str]
    share: NotRequired[Amount]


class ProfileJson(TypedDict):
    """Time of an ONNX model by module.

    Printed by `rewriter profile --json`. Times are microseconds of one run.

    Attributes:
        runs: Number of measured runs.
        total: Time of all kernels.
        span: Wall time of whole runs.
        mapped: Share of the kernel time whose module is known, 0 to 1, by medians.
        shared: Part of the mean of `total` spent in kernels of several modules; their time is divided
            equally among these modules.
        peak_bytes: Peak memory in use; 0 if the profile does not state it.
        modules: The requested modules, or all modules, in tree order. The means of `own` of all modules,
            and of the unmapped time, add up to the mean of `total`.
        classes: Time by class, the slowest first by medians.
        unmapped: Kernels whose module is unknown.
    """

    schema: Literal["rewriter.profile/1"]
    runs: Count
    total: ProfileFigureJson
    span: ProfileFigureJson
    mapped: float
    shared: float
    peak_bytes: Count
    modules: Sequence[ProfileModuleJson]
    classes: Sequence[ProfileClassJson]
    unmapped: ProfileUnmappedJson


def profile_json(found: Profile, chosen: Container[ModulePath] | None = None) -> ProfileJson:
    """Convert a profile to JSON.

    Args:
        found: the profile.
        chosen: modules to list; None lists all.
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


def _figure(figure: Figure) -> ProfileFigureJson:
    return {
        "mean": figure.mean,
        "median": figure.median,
        "low": figure.low,
        "high": figure.high,
        "spread": figure.spread,
    }
