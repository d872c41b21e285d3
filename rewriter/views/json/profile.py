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
    """Over the runs; half of them lie between low and high.

    Attributes:
        spread: Half of the way from low to high, as a share of the median; null where that is 0.
    """

    mean: float
    median: float
    low: float
    high: float
    spread: NotRequired[float | None]


class ProfileModuleJson(ClassOrNullJson):
    """One module.

    Attributes:
        path: '' for the root.
        total: With all modules below.
        shared: The part of the mean of `own` that is its share of kernels of several modules.
        output_bytes: What its kernels write in a run.
        share: In the time of all kernels, by medians.
    """

    path: str
    own: ProfileFigureJson
    total: ProfileFigureJson
    shared: float
    kernels: Count
    output_bytes: float
    share: NotRequired[Amount]


class ProfileClassJson(ClassJson):
    """The own time of all modules of one class.

    Attributes:
        share: In the time of all kernels, by medians.
    """

    modules: Count
    own: ProfileFigureJson
    share: NotRequired[Amount]


class ProfileUnmappedJson(TypedDict):
    """Kernels of which nobody knows the module.

    Attributes:
        share: In the time of all kernels, by medians.
    """

    time: ProfileFigureJson
    kernels: Sequence[str]
    share: NotRequired[Amount]


class ProfileJson(TypedDict):
    """Time of an ONNX model by module.

    Printed by `rewriter profile --json`. Times are microseconds of one run.

    Attributes:
        runs: Runs that were measured.
        total: All kernels.
        span: Whole runs on the wall.
        mapped: Share of the kernel time whose module is known, 0 to 1, by medians.
        shared: The part of the mean total in kernels of several modules, which is shared equally among
            them.
        peak_bytes: The most memory in use; 0 where the profile does not tell.
        modules: The modules asked for, or every module, in tree order. Over all modules the means of
            `own` and of `unmapped` add up to that of `total`.
        classes: The slowest first, by medians.
        unmapped: Kernels of which nobody knows the module.
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
    """The time of modules and classes, in microseconds of one run.

    Args:
        found: the profile.
        chosen: list these modules; all if None.
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
