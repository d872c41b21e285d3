"""Take the figures of time out of what a verb prints, and leave everything else."""

from __future__ import annotations

import json
import re
from pathlib import Path

_STATIONS = re.compile(r"^took .*(?:\n {10}.*)*", re.MULTILINE)
_SECONDS = re.compile(r"\b\d+\.\d+ s\b")
_COLUMN = re.compile(r"\d+\.\d{3}$", re.MULTILINE)
_FIGURES = frozenset({"total", "own", "span", "time", "share", "mapped", "shared"})
"""Keys of a profile that hold times, or shares of them."""
_LEDGER = "rewriter-batch.jsonl"


def masked_stdout(words: tuple[str, ...], text: str) -> str:
    """What a command printed, without its times: these alone differ from run to run.

    Times are the line `took`, the column `seconds` of `--compare-sources`, the key `seconds` in JSON, and
    the figures of a profile that was taken now.
    """
    if "--json" in words:
        taken = words[0] == "profile" and "--from" not in words
        return _masked_json(text, profile=taken)
    if "--compare-sources" in words:
        return _COLUMN.sub("#", text)
    return _STATIONS.sub(_masked_stations, text)


def masked_file(path: Path) -> bytes:
    """The bytes of a file that was written; the ledger of a batch without seconds."""
    content = path.read_bytes()
    if path.name == _LEDGER:
        return b"\n".join(
            _masked_json(line, profile=False).encode() for line in content.decode().splitlines()
        )
    return content


def _masked_stations(match: re.Match[str]) -> str:
    """The line `took`: it may break elsewhere where a figure has more digits."""
    return " ".join(_SECONDS.sub("# s", match[0]).split())


def _masked_json(text: str, *, profile: bool) -> str:
    """A document again, or several of them, without times."""
    try:
        found = json.loads(text)
    except ValueError:  # an error, or several documents
        return text
    if profile:  # the slowest come first
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
    """Only the keys of what holds nothing but times; a mark for each time."""
    if isinstance(value, dict):
        return dict.fromkeys(value, "#")
    return "#"
