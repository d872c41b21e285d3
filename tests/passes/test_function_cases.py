"""Before and after, as text: every case in fixtures/functions is rewritten with the passes it names.

`python -m tests.passes.test_function_cases <case>` writes what a new case rewrites to.
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import onnx.parser
import onnx.printer
import pytest

import rewriter
from rewriter.views.rewrite_report import Report

CASES = Path(__file__).resolve().parents[2] / "fixtures" / "functions"
each_case = pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)


@dataclass(frozen=True)
class Expected:
    """The facts of one case.

    Attributes:
        why: what the case is about.
        passes: what to run.
        refusals: [module, name of the reason, witness], in order.
        differences: [module, other module, node, its counterpart, what differs], in order.
        copies: node that was made -> node it is a copy of.
    """

    why: str
    passes: str
    refusals: list[list[str]] = field(default_factory=list)
    differences: list[list[str]] = field(default_factory=list)
    copies: dict[str, str] = field(default_factory=dict)


def read(case: Path) -> tuple[onnx.ModelProto, Expected]:
    model = onnx.parser.parse_model((case / "before.onnxtxt").read_text())
    return model, Expected(**tomllib.loads((case / "expected.toml").read_text()))


def text_of(model: onnx.ModelProto) -> str:
    return str(onnx.printer.to_text(model)).rstrip() + "\n"


def facts(expected: Expected, report: Report) -> Expected:
    outcomes = [record.outcome for record in report.passes]
    return Expected(
        expected.why,
        expected.passes,
        [[r.module, r.reason.name, r.witness] for r in report.refusals],
        [
            [d.module, d.other, d.node or "", d.other_node or "", d.what]
            for outcome in outcomes
            for d in outcome.differences
        ],
        {copy: original for outcome in outcomes for copy, original in outcome.copies.items()},
    )


@each_case
def test_rewrite(case: Path) -> None:
    model, expected = read(case)
    onnx.checker.check_model(model, full_check=True)
    report = rewriter.rewrite(model, passes=expected.passes)
    after = report.analysis.model
    assert expected.why.endswith(".")
    assert text_of(after) == (case / "after.onnxtxt").read_text()
    assert facts(expected, report) == expected
    onnx.checker.check_model(after, full_check=True)
    numeric = report.verification.numeric
    assert numeric is not None
    assert numeric.agrees or "random" in str(numeric.skipped)


def test_the_first_case_is_left_alone() -> None:
    model, expected = read(CASES / "00_nothing_to_group")
    report = rewriter.rewrite(model, passes=expected.passes)
    assert report.analysis.model.SerializeToString() == model.SerializeToString()


def main(case: Path) -> None:
    """Write after.onnxtxt, and print the facts found, for a person to judge."""
    model, expected = read(case)
    report = rewriter.rewrite(model, passes=expected.passes)
    (case / "after.onnxtxt").write_text(text_of(report.analysis.model))
    print(facts(expected, report))


if __name__ == "__main__":
    main(CASES / sys.argv[1])
