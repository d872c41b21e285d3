"""Pictures of comparisons and profiles in notebooks: whole HTML, and names of a file stay text."""

from __future__ import annotations

from dataclasses import replace

import pytest

import rewriter
from rewriter.insight.profile import Profile
from rewriter.insight.time_by_module import ClassTime, Figure, ModuleTime
from rewriter.paths import ROOT, ModulePath
from tests.build import model
from tests.views.models import named, small
from tests.views.test_notebook_tree import Page

TEXT = """
g (float[2,4] x) => (float[2,4] y) <float[4,4] "enc.a.weight" = {1}, float[4] "enc.b.bias" = {1,2,3,4}>
{
  ["/enc/a/MatMul"] h = MatMul(x, "enc.a.weight")
  ["/enc/b/Add"] k = Add(h, "enc.b.bias")
  ["/enc/act/Softmax"] y = Softmax<axis = 1>(k)
}
"""
HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</div></div>", "\x1b[2J\u202e"]


def figure(time: float) -> Figure:
    return Figure(time, time, time, time)


def profile() -> Profile:
    of = small()
    times = tuple(
        ModuleTime(each.path, each.class_name, figure(10), figure(100), 0.0, 1, 1.0, 0.0) for each in of.tree
    )
    return Profile(of, 3, times, (ClassTime("a.B", figure(10), 1),), total=figure(100), span=figure(120))


def safe(picture: str) -> Page:
    shown = Page(picture)
    assert shown.tags[:2] == ["div", "style"]
    assert set(shown.tags) <= {"div", "style", "p", "strong", "span"}
    assert shown.attributes <= {"class", "style", "title"}
    assert all(char.isprintable() for text in shown.texts for char in text)
    assert not [word for word in ("http:", "https:", "url(", "@import", "<script") if word in picture]
    return shown


def test_a_comparison_shows_what_changed() -> None:
    other = TEXT.replace("axis = 1", "axis = 0").replace("{1,2,3,4}", "{1,2,3,6}")
    found = rewriter.diff(model(TEXT), model(other), numbers=False)
    shown = safe(found._repr_html_())
    for text in ("the modules differ", "enc", "b", "act", "Softmax.axis: 1 -> 0"):
        assert text in shown.texts
    assert any(text.startswith("parameter bias: other values, max 2") for text in shown.texts)
    assert "a" not in shown.texts  # it did not change


def test_equal_models_say_so() -> None:
    shown = safe(rewriter.diff(model(TEXT), model(TEXT), numbers=False)._repr_html_())
    assert "no module differs" in shown.texts
    assert not [text for text in shown.texts if text in ("enc", "a")]


def test_a_profile_shows_times_and_shares() -> None:
    shown = safe(profile()._repr_html_())
    text = "|".join(shown.texts)
    for piece in ("3 runs in onnxruntime", "(root)", "fc", "Linear", "100 us", "10 us", "100%"):
        assert piece in text


def test_a_profile_that_was_not_taken_says_why() -> None:
    assert "no profile: it crashed" in safe(Profile(small(), 0, skipped="it crashed")._repr_html_()).texts


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_a_file_stay_text(name: str) -> None:
    of, path = named([name], [name.replace(".", "")]), ModulePath(name.replace(".", ""))
    root = ModuleTime(ROOT, name, figure(100), figure(100), 0.0, 1, 1.0, 0.0)
    assert safe(replace(profile(), analysis=of, modules=(root, replace(root, path=path)))._repr_html_())
    before, after = TEXT, TEXT.replace("Softmax<axis = 1>", "Relu")
    left, right = model(before), model(after)
    for made in (left, right):
        made.graph.node[2].name = f"/enc/{name.replace('/', '')}/Softmax"
        made.graph.node[2].op_type, made.graph.node[2].domain = name, "d"
        made.opset_import.add(domain="d", version=1)
    right.graph.node[2].domain = "e"
    right.opset_import.add(domain="e", version=1)
    assert safe(rewriter.diff(left, right, numbers=False)._repr_html_())
