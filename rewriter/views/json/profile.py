"""The time of a model by module as JSON."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final, Literal, NotRequired, TypedDict

from rewriter.insight.container_time import ContainerTime
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
        executions: Executions of these kernels in a run, as a mean; in a Loop or Scan a kernel is executed in
            every iteration.
        output_bytes: Bytes that its kernels write in a run; a kernel of several modules is divided equally.
        share: `total` as a share of the time of all kernels, by medians.
    """

    path: str
    own: ProfileFigureJson
    total: ProfileFigureJson
    shared: float
    kernels: Count
    executions: Amount
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


class ProfileContainerJson(TypedDict):
    """A kernel that runs graph bodies: If, Loop or Scan.

    Attributes:
        name: Name of the kernel.
        operator: Its operator.
        modules: Paths of the modules whose nodes it computes; empty if unknown.
        own: Time without the kernels in its bodies, with onnxruntime's work between these; for a kernel with
            modules, it is part of their times.
        executions: Executions of the kernel in a run, as a mean.
        counts: Executions of its bodies in every run: of the iterations of a Loop or Scan, or of the branch
            that an If takes.
        iterations: Time of the first, second, ... of these executions, as medians over the runs that have
            it, with the kernels inside and onnxruntime's work between them.
    """

    name: str
    operator: str
    modules: Sequence[str]
    own: ProfileFigureJson
    executions: Amount
    counts: Sequence[Count]
    iterations: Sequence[Amount]


class ProfileContainersJson(TypedDict):
    """Kernels that run graph bodies.

    Attributes:
        time: Time of those whose module is unknown, without the kernels in their bodies.
        share: `time` as a share of the time of all kernels, by medians.
        kernels: All of them, in order of their first execution.
        unrun: Graph bodies whose kernels did not run: `else_branch of '/If'`.
    """

    time: ProfileFigureJson
    share: Amount
    kernels: Sequence[ProfileContainerJson]
    unrun: Sequence[str]


class ProfileUnmappedJson(TypedDict):
    """Kernels whose module is unknown, without those that run graph bodies.

    Attributes:
        kernels: Names of the kernels, the slowest first by medians.
        share: `time` as a share of the time of all kernels, by medians.
        unlocated: Part of `time` in kernels of unknown nodes; the nodes of the others are in no module.
    """

    time: ProfileFigureJson
    kernels: Sequence[str]
    unlocated: ProfileFigureJson
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
            of the unmapped time, and of the time of `containers` add up to the mean of `total`.
        classes: Time by class, the slowest first by medians.
        containers: Kernels that run graph bodies.
        unmapped: Other kernels whose module is unknown.
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
    containers: ProfileContainersJson
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
                "executions": each.executions,
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
        "containers": {
            "time": _figure(found.outside),
            "share": found.share_of(found.outside),
            "kernels": [_container(each) for each in found.containers],
            "unrun": [as_text(each.title) for each in found.unrun],
        },
        "unmapped": {
            "time": _figure(found.unmapped),
            "share": found.share_of(found.unmapped),
            "unlocated": _figure(found.unlocated),
            "kernels": [as_text(name) for name in found.unmapped_kernels],
        },
    }


def _container(each: ContainerTime) -> ProfileContainerJson:
    return {
        "name": as_text(each.name),
        "operator": each.op_type,
        "modules": list(each.modules),
        "own": _figure(each.own),
        "executions": each.executions,
        "counts": list(each.counts),
        "iterations": list(each.iterations),
    }


def _figure(figure: Figure) -> ProfileFigureJson:
    return {
        "mean": figure.mean,
        "median": figure.median,
        "low": figure.low,
        "high": figure.high,
        "spread": figure.spread,
    }
