"""Schemas are generated from declared types; each verb's JSON fits its schema, and altered JSON does not."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import click
import jsonschema
import pytest

from rewriter.batch.record import Status
from rewriter.cli import cli, main
from rewriter.errors import UsageError
from rewriter.views.json.types import Amount, ClassOrNullJson, Count, FieldsOf, Keywords, Title
from rewriter.views.schemas import RESULTS, schema, schema_of
from tests.exports import EXPORTS

BERT = str(EXPORTS / "bert" / "dy.onnx")
OTHER = str(EXPORTS / "bert" / "ts.onnx")
BLOCK = str(EXPORTS / "shared_block" / "ts.onnx")
GROUPED = ["rewrite", BERT, "--functions", "shared", "--no-numbers", "--dry-run"]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Figures:
    """Figures.

    Attributes:
        nodes: All of them.
    """

    nodes: int


class Inner(ClassOrNullJson):
    """An object inside.

    Attributes:
        class: What it is,
            on two lines.
        inside: More of them.
    """

    inside: Sequence[Inner]


class Whole(TypedDict):
    """Some result.

    Printed by nobody.

    Attributes:
        inner: The first one.
    """

    schema: Literal["rewriter.some/3"]
    count: Count | None
    amounts: Mapping[str, Amount]
    colour: Colour | None
    inner: Inner | None
    size: Sequence[int | str | None]
    pair: Annotated[Sequence[str], Keywords(minItems=2)]
    figures: Annotated[Mapping[str, int], FieldsOf(Figures)]
    word: NotRequired[Literal["a", "b"]]
    anything: object


def test_types_become_a_schema() -> None:
    assert schema_of(Whole) == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:onnx-module-rewriter:some:3",
        "title": "Some result",
        "description": "Printed by nobody.",
        "type": "object",
        "additionalProperties": False,
        "required": [
            *["schema", "count", "amounts", "colour", "inner", "size", "pair", "figures", "anything"]
        ],
        "properties": {
            "schema": {"const": "rewriter.some/3"},
            "count": {"type": ["integer", "null"], "minimum": 0},
            "amounts": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
            "colour": {"enum": ["red", "blue", None]},
            "inner": {
                "description": "The first one.",
                "anyOf": [{"$ref": "#/$defs/Inner"}, {"type": "null"}],
            },
            "size": {"type": "array", "items": {"type": ["integer", "string", "null"]}},
            "pair": {"type": "array", "items": {"type": "string"}, "minItems": 2},
            "figures": {"$ref": "#/$defs/Figures"},
            "word": {"enum": ["a", "b"]},
            "anything": {},
        },
        "$defs": {
            "Inner": {
                "type": "object",
                "description": "An object inside.",
                "additionalProperties": False,
                "required": ["class", "inside"],
                "properties": {
                    "class": {"description": "What it is, on two lines.", "type": ["string", "null"]},
                    "inside": {
                        "description": "More of them.",
                        "type": "array",
                        "items": {"$ref": "#/$defs/Inner"},
                    },
                },
            },
            "Figures": {
                "type": "object",
                "description": "Figures.",
                "additionalProperties": False,
                "required": ["nodes"],
                "properties": {"nodes": {"description": "All of them.", "type": "integer", "minimum": 0}},
            },
        },
    }


def test_a_result_of_several_forms_has_a_title() -> None:
    found = schema_of(Annotated[Whole | Inner, Title("Either", "Printed twice.")])
    assert (found["title"], found["description"]) == ("Either", "Printed twice.")
    assert found["anyOf"] == [{"$ref": "#/$defs/Whole"}, {"$ref": "#/$defs/Inner"}]


def test_a_type_that_no_json_has_is_refused() -> None:
    class Wrong(TypedDict):
        schema: Literal["rewriter.wrong/1"]
        sizes: set[int]

    with pytest.raises(TypeError, match="is no type that JSON of results may have"):
        schema_of(Wrong)


def test_an_unknown_result_is_a_misuse() -> None:
    with pytest.raises(UsageError, match="no schema fits 'tre'; nearest: tree"):
        schema("tre")


def test_a_batch_leaves_with_every_code_that_a_file_may_have() -> None:
    codes = schema("batch")["properties"]["exit_code"]["enum"]
    assert set(codes) == {status.exit_code for status in Status} == {0, 1, 2, 3, 4, 5, 70}


WORDS: dict[str, list[str]] = {
    "tree": ["tree", BERT],
    "sources": ["tree", BERT, "--compare-sources"],
    "conflicts": ["tree", BERT, "--conflicts"],
    "rewrite": GROUPED,
    "verify": ["verify", BERT, OTHER, "--no-numbers"],
    "diff": ["diff", BERT, OTHER, "--no-numbers"],
    "doctor": ["doctor", BERT],
    "explain": ["explain", BERT, "tanh"],
    "select": ["select", BERT, "model.pooler"],
    "stats": ["stats", BLOCK, "**"],
    "passes": ["passes"],
    "extract": ["extract", BERT, "model.pooler", "--no-numbers", "-o", "pooler.onnx"],
    "replace": ["replace", BERT, "model.pooler", "--with", "a:B", "--no-numbers", "-o", "replaced.onnx"],
    "split": ["split", BERT, "--at", "model.pooler", "--no-numbers", "-o", "parts"],
    "implant": ["implant", BERT, "**", BERT, "--no-numbers", "-o", "implanted.onnx"],
    "weights": ["weights", BERT],
    "refit": ["refit", BERT, "new.safetensors", "-o", "refitted.onnx", "--partial"],
    "tap": ["tap", BERT, "model.pooler", "--no-numbers", "-o", "taps.onnx"],
    "untap": ["untap", "tapped.onnx", "--no-numbers", "-o", "untapped.onnx"],
    "drop": ["drop", BERT, "model.pooler", "--no-numbers", "-o", "dropped.onnx"],
    "carry": ["carry", BERT, OTHER, "--no-numbers", "--dry-run"],
    "flatten": ["flatten", BERT, "--no-numbers", "-o", "flat.onnx"],
    "profile": ["profile", BERT, "--rounds", "1", "--warmup", "0"],
    "precision": ["precision", BERT],
    "batch": ["batch", BERT, "-o", "trees", "--no-numbers", "--jobs", "1"],
}
BEFORE = {
    "refit": ["weights", OTHER, "-o", "new.safetensors"],
    "untap": ["tap", BERT, "model.pooler", "--no-numbers", "-o", "tapped.onnx"],
}
"""Verb -> the command that makes a file that it reads."""
SAME = {"carry": "rewrite", "flatten": "rewrite", "untap": "rewrite"}
SLOW = {"profile", "precision", "batch"}
"""Verbs that begin processes; other tests check their schemas in the default run."""


def test_every_verb_with_json_is_here() -> None:
    root = click.Context(cli)
    with_json = {
        name
        for name in cli.list_commands(root)
        if (command := cli.get_command(root, name)) and any("--json" in each.opts for each in command.params)
    }
    assert with_json | {"sources", "conflicts"} == WORDS.keys()
    assert {SAME.get(name, name) for name in WORDS} | {"modules", "modules-full"} == set(RESULTS)


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=[pytest.mark.thorough] * (each in SLOW)) for each in WORDS]
)
def test_json_follows_its_schema_and_nothing_looser_does(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    if name in BEFORE:
        with pytest.raises(SystemExit):
            main(BEFORE[name])
        capsys.readouterr()
    with pytest.raises(SystemExit):
        main([*WORDS[name], "--json"])
    document = json.loads(capsys.readouterr().out)
    validator = jsonschema.Draft202012Validator(schema(SAME.get(name, name)))
    validator.validate(document)
    for fault, wrong in _worsened(document):
        assert not validator.is_valid(wrong), fault


def _worsened(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the document with a key more, with a key less, and with a value of another type."""
    yield "a key more", {**document, "more": 1}
    for key, value in document.items():
        if key not in ("original", "notes", "misses"):
            yield f"without {key}", {name: each for name, each in document.items() if name != key}
        yield f"another type of {key}", {**document, key: [] if isinstance(value, dict) else {"x": 1}}
        if isinstance(value, list) and value and isinstance(value[0], dict):
            wrong = copy.deepcopy(document)
            wrong[key][0]["more"] = 1
            yield f"a key more in {key}", wrong
