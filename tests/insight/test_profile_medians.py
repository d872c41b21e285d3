"""Medians decide: what is shown, in which order, how large; a run that was held up changes nothing of it."""

from __future__ import annotations

import io
import re

import jsonschema
import pytest
from rich.console import Console

import rewriter
from rewriter.insight.profile import Profile, attributed
from rewriter.insight.stats import collect
from rewriter.paths import ModulePath
from rewriter.runtime.timing.kernels import Kernel, KernelProfile
from rewriter.runtime.timing.profiler import Profiled
from rewriter.views.json import schema
from rewriter.views.json.profile import profile_json
from rewriter.views.page.facts import page_facts
from rewriter.views.page.findings import Findings
from rewriter.views.page.svg import icicle_svg
from rewriter.views.text.profile import print_profile
from tests.build import model

TEXT = """
g (float[4] x) => (float[4] y) {
  ["/steady/Relu"] a = Relu(x)
  ["/held/up/Tanh"] b = Tanh(a)
  ["/second/Sigmoid"] c = Sigmoid(b)
  [nobody] y = Neg(c)
}
"""
TIMES = {
    "/steady/Relu": [100.0, 100.0, 104.0, 96.0, 100.0],
    "/held/up/Tanh": [0.2, 0.2, 5000.0, 0.2, 0.2],  # one run was held up here
    "/second/Sigmoid": [60.0, 60.0, 60.0, 60.0, 60.0],
    "nobody": [1.0, 1.0, 1.0, 1.0, 3000.0],
}
OPERATORS = {"/steady/Relu": "Relu", "/held/up/Tanh": "Tanh", "/second/Sigmoid": "Sigmoid", "nobody": "Neg"}


@pytest.fixture(scope="module")
def profile() -> Profile:
    analysis = rewriter.load(model(TEXT))
    kernels = tuple(Kernel(name, OPERATORS[name], times, 5) for name, times in TIMES.items())
    totals = tuple(sum(times) for times in zip(*TIMES.values(), strict=True))
    found = KernelProfile(kernels, totals, totals)
    optimised = analysis.model
    return attributed(analysis, found, Profiled(tuple(TIMES), found, optimised))


def shown(profile: Profile, chosen: frozenset[ModulePath] | None = None) -> list[str]:
    stream = io.StringIO()
    print_profile(profile, Console(file=stream, width=100, highlight=False), chosen)
    return stream.getvalue().splitlines()


def test_what_is_not_shown_is_below_the_bound(profile: Profile) -> None:
    lines = shown(profile)
    assert "2 modules below 0.5% not shown; --json has all" in lines
    rows = lines[: lines.index("2 modules below 0.5% not shown; --json has all")]
    hidden = [each for each in profile.modules if not any(each.path.name in line for line in rows)]
    assert {str(each.path) for each in hidden} == {"held", "held.up"}
    assert all(profile.share_of(each.total) < 0.005 for each in hidden)
    assert all(each.total.mean > 0.005 * profile.total.mean for each in hidden)  # by means it would be there


def test_rows_have_medians_and_their_spread(profile: Profile) -> None:
    (row,) = [line for line in shown(profile) if "steady" in line]
    assert row.split()[1:8] == ["steady", "100", "us", "0%", "100", "us", "62%"]
    asked = shown(profile, frozenset({ModulePath("held.up")}))
    assert not any("not shown" in line for line in asked)
    (row,) = [line for line in asked if "up" in line]
    assert row.split()[1:] == ["up", "0", "us", "0%", "0", "us", "<1%", "▏"]


def test_the_order_is_by_medians(profile: Profile) -> None:
    assert [each.class_name for each in profile.classes] == ["unknown"]
    assert profile.unmapped_kernels == ("nobody",)
    assert profile.mapped == pytest.approx(1 - 1.0 / 161.2)
    document = profile_json(profile)
    jsonschema.Draft202012Validator(schema("profile")).validate(document)
    assert document["unmapped"] == {
        "time": {"mean": 600.8, "median": 1.0, "low": 1.0, "high": 1.0, "spread": 0.0},
        "share": pytest.approx(1.0 / 161.2),
        "unlocated": {"mean": 0.0, "median": 0.0, "low": 0.0, "high": 0.0, "spread": None},
        "kernels": ["nobody"],
    }


def test_a_kernel_of_an_unknown_node_is_told_apart(profile: Profile) -> None:
    kernels = (Kernel("nobody", "Neg", [3.0], 1), Kernel("inserted", "ReorderOutput", [1.0], 1))
    found = KernelProfile(kernels, (4.0,), (4.0,))
    apart = attributed(profile.analysis, found, Profiled(tuple(TIMES), found, None))
    assert (apart.unmapped.mean, apart.unlocated.mean) == (4.0, 1.0)
    assert "25% in kernels whose nodes are unknown" in " ".join(shown(apart))


def test_classes_stand_in_the_order_of_their_medians() -> None:
    found = rewriter.profile(model(TEXT), rounds=2, threads=1)
    classes = [each.own.median for each in found.classes]
    assert classes == sorted(classes, reverse=True)


def test_the_page_has_medians(profile: Profile) -> None:
    findings = Findings(profile.analysis, collect(profile.analysis, {}), profile=profile)
    facts = page_facts(findings, "time")["profile"]
    assert isinstance(facts, dict)
    at = {str(each.path): number for number, each in enumerate(profile.modules)}
    assert (facts["total"], facts["median"][0]) == (pytest.approx(161.2), pytest.approx(161.2))
    assert facts["own"][at["held.up"]] == facts["median"][at["held"]] == 0.2
    assert facts["median"][at["steady"]] == 100
    assert findings.outside_modules("time") == 1.0
    totals = findings.totals("time")
    assert totals[ModulePath("")] == pytest.approx(161.2)
    assert sum(totals[ModulePath(name)] for name in ("steady", "held", "second")) + 1 > 161


def test_parts_whose_medians_come_to_more_than_the_whole_stay_inside() -> None:
    """Each part is slow in other runs: 3 medians of 10 in a whole of 20."""
    times = {
        "/steady/Relu": [10.0, 10.0, 0.0],
        "/held/up/Tanh": [0.0, 10.0, 10.0],
        "/second/Sigmoid": [10.0, 0.0, 10.0],
    }
    analysis = rewriter.load(model(TEXT))
    kernels = tuple(Kernel(name, OPERATORS[name], each, 3) for name, each in times.items())
    found = KernelProfile(kernels, (20.0, 20.0, 20.0), (20.0, 20.0, 20.0))
    profile = attributed(analysis, found, Profiled(tuple(TIMES), found, analysis.model))
    findings = Findings(analysis, collect(analysis, {}), profile=profile)
    svg = icicle_svg(findings, "time", width=900)
    drawn = re.findall(r'<rect [^>]*width="([\d.]+)"', svg)
    assert drawn == ["899.0", "299.0", "299.0", "299.0", "299.0"]  # the root, three, and one inside of held
