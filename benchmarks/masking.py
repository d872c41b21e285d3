"""Masks times in the output of a verb, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

_STATIONS = re.compile(r"^took .*(?:\n {10}.*)*", re.MULTILINE)
_SECONDS = re.compile(r"\b\d+\.\d+ s\b")
_COLUMN = re.compile(r"\d+\.\d{3}$", re.MULTILINE)
_FIGURES = frozenset({"iterations", "total", "own", "span", "time", "share", "mapped", "shared"})
"""Keys of a profile with times or shares of time."""
_LEDGER = "rewriter-batch.jsonl"


def masked_stdout(words: tuple[str, ...], text: str) -> str:
    """Return the text that a command printed, with its times masked: only they may differ between runs.

    Times are in the line `took`, in the column `seconds` of `--compare-sources`, in the key `seconds` of
    JSON, and in the figures of a new profile.
    """
    if "--json" in words:
        taken = words[0] == "profile" and "--from" not in words
        return _masked_json(text, profile=taken)
    if "--compare-sources" in words:
        return _COLUMN.sub("#", text)
    return _STATIONS.sub(_masked_stations, text)


def masked_file(path: Path) -> bytes:
    """Return the bytes of a written file, with seconds masked in the ledger of a batch."""
    content = path.read_bytes()
    if path.name == _LEDGER:
        return b"\n".join(
            _masked_json(line, profile=False).encode() for line in content.decode().splitlines()
        )
    return content


def _masked_stations(match: re.Match[str]) -> str:
    """Mask the line `took` and join its parts: the number of digits decides where it breaks."""
    return " ".join(_SECONDS.sub("# s", match[0]).split())


def _masked_json(text: str, *, profile: bool) -> str:
    """Return a JSON document with its times masked; any other text is unchanged."""
    try:
        found = json.loads(text)
    except ValueError:  # an error message, or several documents
        return text
    if profile:  # the slowest are listed first, so the order varies
        found["classes"].sort(key=lambda each: str(each["class"]))
        found["unmapped"]["kernels"].sort()
    return json.dumps(_without_times(found, _FIGURES if profile else frozenset()), indent=1)


def _without_times(value: object, figures: frozenset[str]) -> object:
    if isinstance(value, list):
        return [_without_times(each, figures) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _times(each) if key == "seconds" or key in figures else _without_times(each, figures)
        for key, each in value.items()
    }


def _times(value: object) -> object:
    """Replace times with a mark, and keep the keys of a map of times."""
    if isinstance(value, dict):
        return dict.fromkeys(value, "#")
    return "#"
