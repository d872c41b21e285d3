"""Help pages: examples stay on lines of their own."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from rewriter.cli import cli


@pytest.mark.parametrize("verb", ["tree", "rewrite", "flatten", "verify", "explain", "extract", "split"])
def test_examples_stand_on_lines_of_their_own(verb: str) -> None:
    page = CliRunner().invoke(cli, [verb, "--help"]).output
    examples = [line for line in page.splitlines() if line.startswith(f"    rewriter {verb} ")]
    assert examples
    assert "\\b" not in page
    assert all(line.count("rewriter ") == 1 for line in examples)
