"""The head line of a model."""

from __future__ import annotations

import rewriter
from rewriter.passes.annotate import Annotate
from rewriter.passes.group import Group
from rewriter.views.summary import head_phrases, summarize
from tests.build import chain


def test_domains_of_functions_are_counted_not_listed() -> None:
    report = rewriter.rewrite(chain("/enc/a/Relu", "/dec/Relu"), passes=(Annotate(), Group()), numbers=False)
    assert head_phrases(summarize(report.analysis))[2:4] == ["opset 17", "3 functions"]
    flat = rewriter.load(chain("/enc/a/Relu"))
    assert head_phrases(summarize(flat))[2:] == ["opset 17", "1 node", "0 initializers"]
