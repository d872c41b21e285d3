"""Generates JSON schemas (draft 2020-12) of all results from the types that the views declare.

`python -m rewriter.views.schemas tree` prints the schema of a tree. Within a version, no key is renamed or
removed, or changes its meaning.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum
from importlib import import_module
from inspect import cleandoc
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from rewriter.basics.nearest import fits_nothing
from rewriter.errors import UsageError
from rewriter.views.json.types import Count, FieldsOf, Keywords, Title

_HOME = {
    "batch": "rewriter.batch.views:BatchJson",
    "conflicts": "rewriter.views.json.evidence:ConflictsJson",
    "drop": "rewriter.views.json.edits.drops:DropJson",
    "diff": "rewriter.views.json.diff:DiffJson",
    "doctor": "rewriter.views.json.doctor:DoctorJson",
    "explain": "rewriter.views.json.explanation:ExplainJson",
    "extract": "rewriter.views.json.cutting:ExtractJson",
    "implant": "rewriter.views.json.edits.implant:ImplantJson",
    "modules": "rewriter.views.sidecar.column_types:CompactModulesJson",
    "modules-full": "rewriter.views.sidecar.types:ModulesJson",
    "passes": "rewriter.views.passes:PassesJson",
    "precision": "rewriter.views.json.numbers.precision:PrecisionJson",
    "profile": "rewriter.views.json.profile:ProfileJson",
    "refit": "rewriter.views.json.edits.refit:RefitJson",
    "replace": "rewriter.views.json.edits.replacement:ReplaceJson",
    "rewrite": "rewriter.views.json.rewrite:RewriteJson",
    "select": "rewriter.views.json.selection:SelectJson",
    "sources": "rewriter.views.json.evidence:SourcesJson",
    "split": "rewriter.views.json.cutting:SplitJson",
    "stats": "rewriter.views.json.stats:StatsJson",
    "tap": "rewriter.views.json.edits.taps:TapJson",
    "tree": "rewriter.views.json.tree:TreeJson",
    "verify": "rewriter.views.json.proof:VerifyJson",
    "weights": "rewriter.views.json.edits.weights:WeightsJson",
}
"""Result -> the type of its JSON, loaded by name, since some types are in packages that import the views."""
RESULTS = tuple(_HOME)
_Definitions = dict[str, dict[str, Any]]
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def schema(name: str) -> dict[str, Any]:
    """Return the schema of a result.

    Args:
        name: a verb (`tree`, `rewrite`, `diff`, ...), `sources` for `tree --compare-sources`,
            `conflicts` for `tree --conflicts`, `modules` for the sidecar, or `modules-full` for the one of
            `--sidecar full`.

    Raises:
        UsageError: there is no result of that name.
    """
    if name not in _HOME:
        raise UsageError(fits_nothing("schema", name, RESULTS))
    module, _, kind = _HOME[name].partition(":")
    return schema_of(getattr(import_module(module), kind))


def schema_of(kind: Any) -> dict[str, Any]:
    """Return the schema of a declared result: a `TypedDict`, or a union of several with a `Title`."""
    definitions: _Definitions = {}
    if is_typeddict(kind):
        body = _object(kind, definitions)
        title, _, description = body.pop("description").partition("\n")
        title, description = title.removesuffix("."), description.strip()
        version = body["properties"]["schema"]["const"]
    else:
        body = _type(kind, definitions)
        title, description = body.pop("title"), body.pop("description")
        version = next(iter(definitions.values()))["properties"]["schema"]["const"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:onnx-module-rewriter:" + version.removeprefix("rewriter.").replace("/", ":"),
        "title": title,
        **({"description": description} if description else {}),
        **body,
        **({"$defs": definitions} if definitions else {}),
    }


def _type(kind: Any, definitions: _Definitions) -> dict[str, Any]:
    """Return the schema of the type of a field; schemas of objects are added to the definitions."""
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if kind is object:
        return {}
    if is_typeddict(kind) or is_dataclass(kind):
        if kind.__name__ not in definitions:
            definitions[kind.__name__] = {}  # the type may contain itself
            definitions[kind.__name__] |= _object(kind, definitions)
        return {"$ref": f"#/$defs/{kind.__name__}"}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"enum": [each.value for each in kind]}
    found = _made_of(get_origin(kind), get_args(kind), definitions)
    if found is None:
        raise TypeError(f"{kind} is no type that JSON of results may have")
    return found


def _made_of(origin: Any, arguments: tuple[Any, ...], definitions: _Definitions) -> dict[str, Any] | None:
    """Return the schema of a generic type; None if results may not contain the type."""
    found = None
    if origin is Annotated:
        found = _annotated(arguments, definitions)
    elif origin is Literal:
        found = {"const": arguments[0]} if len(arguments) == 1 else {"enum": list(arguments)}
    elif origin in (Union, UnionType):
        found = _union([_type(each, definitions) for each in arguments])
    elif origin is Sequence:
        found = {"type": "array", "items": _type(arguments[0], definitions)}
    elif origin is Mapping and arguments[0] is str:
        found = {"type": "object", "additionalProperties": _type(arguments[1], definitions)}
    return found


def _annotated(arguments: tuple[Any, ...], definitions: _Definitions) -> dict[str, Any]:
    found = _type(arguments[0], definitions)
    for note in arguments[1:]:
        if isinstance(note, Keywords):
            found |= note.keywords
        elif isinstance(note, FieldsOf):
            found = _type(note.kind, definitions)
        elif isinstance(note, Title):
            found |= {"title": note.title, "description": note.description}
    return found


def _union(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of a union: an enumeration with null, a list of plain types, or else `anyOf`.

    A list of types may have a keyword such as `minimum`, since a keyword ignores values of other types.
    """
    null = {"type": "null"}
    others = [part for part in parts if part != null]
    if len(others) == 1 and others[0].keys() == {"enum"}:
        return {"enum": [*others[0]["enum"], *([None] if null in parts else [])]}
    merged: dict[str, Any] = {}
    for part in parts:
        if not isinstance(part.get("type"), str) or (part["type"] in ("object", "array") and len(others) > 1):
            return {"anyOf": parts}
        merged |= part
    return {**merged, "type": [part["type"] for part in parts]}


def _object(kind: Any, definitions: _Definitions) -> dict[str, Any]:
    """Return the schema of an object that has only the fields of a `TypedDict` or dataclass."""
    text = cleandoc(kind.__doc__ or "")
    told = dict(_attributes(kind))
    properties, required = {}, []
    for name, hint in _fields(kind):
        optional = get_origin(hint) is NotRequired
        found = _type(get_args(hint)[0] if optional else hint, definitions)
        required += [] if optional else [name]
        properties[name] = {"description": told[name], **found} if name in told else found
    return {
        "type": "object",
        "description": text.partition("\n\nAttributes:")[0],
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }


def _fields(kind: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and type of each field; `int` fields of a dataclass are counts."""
    hints = get_type_hints(kind, include_extras=True)
    if is_typeddict(kind):
        yield from hints.items()
        return
    for field in fields(kind):
        yield field.name, Count if hints[field.name] is int else hints[field.name]


def _attributes(kind: Any) -> Iterator[tuple[str, str]]:
    """Yield name and description of each field in the `Attributes:` section of a docstring."""
    section = cleandoc(kind.__doc__ or "").partition("\n\nAttributes:\n")[2].partition("\n\n")[0]
    for entry in re.split(r"\n(?=    \w)", f"\n{section}"):
        name, colon, described = entry.strip().partition(": ")
        if colon:
            yield name, " ".join(described.split())


if __name__ == "__main__":
    print(json.dumps(schema(sys.argv[1] if len(sys.argv) > 1 else ""), indent=2))
