"""Options that a verb cannot do without are demanded, whatever version of click is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewriter.basics.option_declaration import Option, options_of
from rewriter.options.verbs import VERBS, options_of_verb
from tests.cli.running import heard

NEEDED = [
    (verb, each)
    for verb in VERBS
    for each in options_of(options_of_verb(verb))
    if each.required and not each.positional
]


@pytest.mark.parametrize(
    ("verb", "needed"), NEEDED, ids=lambda each: each if isinstance(each, str) else each.name
)
def test_a_missing_option_is_named(
    verb: str, needed: Option, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = [each for each in options_of(options_of_verb(verb)) if each.required and each is not needed]
    words: list[str | Path] = [tmp_path / "m.onnx" for each in others if each.positional]
    for each in others:
        words += [] if each.positional else [each.flag, tmp_path / "o.onnx"]
    code, out, err = heard(capsys, verb, *words)
    assert (code, out) == (2, "")
    assert "Missing option" in err
    assert needed.flag in err


def test_there_are_such_options() -> None:
    assert {("flatten", "--output"), ("export", "--format"), ("replace", "--with")} <= {
        (verb, each.flag) for verb, each in NEEDED
    }
