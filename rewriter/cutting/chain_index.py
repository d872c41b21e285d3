"""Content of `split.json`: for each part of a split model, its data, sources of inputs, and outputs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, TypedDict

from rewriter.model.storage.data_copies import Copies
from rewriter.model.storage.external_data import external_locations
from rewriter.modules.analysis import Analysis

if TYPE_CHECKING:
    from rewriter.cutting.split import Split

SCHEMA: Final = "rewriter.chain/1"
INDEX = "split.json"
"""The name of the file."""

ChainInputJson = TypedDict("ChainInputJson", {"name": str, "from": str | None})
"""An input of a part; `from` is the file of the part that computes it, null for an input of the model."""


class ChainOutputJson(TypedDict):
    """An output of a part; `of_whole` is true for an output of the whole model."""

    name: str
    of_whole: bool


class ChainPartJson(TypedDict):
    """A part of the chain; `data` names the files with its external data, relative to the folder."""

    file: str
    data: Sequence[str]
    inputs: Sequence[ChainInputJson]
    outputs: Sequence[ChainOutputJson]


class ChainJson(TypedDict):
    """A chain of parts, in the order of execution; `at` names the modules before which the model was cut."""

    schema: Literal["rewriter.chain/1"]
    model: str | None
    at: Sequence[str]
    parts: Sequence[ChainPartJson]


def index_of(found: Split, analysis: Analysis, copies: Copies) -> bytes:
    """Return the content of the file.

    Args:
        found: the chain.
        analysis: the whole model.
        copies: the plan of the copies of external data.
    """
    document: ChainJson = {
        "schema": SCHEMA,
        "model": analysis.path.name if analysis.path else None,
        "at": [str(each) for each in found.at],
        "parts": _parts(found, {info.name for info in analysis.model.graph.output}, copies),
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def _parts(found: Split, results: set[str], copies: Copies) -> list[ChainPartJson]:
    return [
        {
            "file": file_name(number),
            "data": sorted(external_locations(copies.relocated(part.model))),
            "inputs": [
                {"name": name, "from": None if source is None else file_name(source)}
                for name, source in feeds.items()
            ],
            "outputs": [{"name": name, "of_whole": name in results} for name in part.outputs],
        }
        for number, (part, feeds) in enumerate(zip(found.parts, found.feeds, strict=True))
    ]


def file_name(part: int) -> str:
    """Return the file name of a part."""
    return f"part-{part}.onnx"
