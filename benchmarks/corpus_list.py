"""Public ONNX files by content, source and path there: the list is in the repository, the files are not.

A source is `github:OWNER/NAME@COMMIT` or `pypi:NAME==VERSION`. To run the list, put the files of its sources
anywhere below one folder: they are found by their content. A third of the files, chosen by content, is held
out: no code is changed after a look at them.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).parent / "corpus_files.tsv"
PARTS = ("all", "seen", "held-out")
_ONE_IN = 3


@dataclass(frozen=True, slots=True)
class Listed:
    """File of the list.

    Attributes:
        sha256: the digest of its content.
        source: where it comes from.
        path: its path there.
    """

    sha256: str
    source: str
    path: str

    @property
    def name(self) -> str:
        """The name of the source without version, and the path."""
        return f"{self.source.partition('@')[0].partition('==')[0]}/{self.path}"

    @property
    def held_out(self) -> bool:
        """Whether it belongs to the third that nobody looks at."""
        return int(self.sha256[:8], 16) % _ONE_IN == 0


def listed(file: Path = LIST) -> list[Listed]:
    """Read the list."""
    with file.open(encoding="utf-8", newline="") as stream:
        return [Listed(*row) for row in csv.reader(stream, delimiter="\t")]


def found(folders: Sequence[Path], part: str = "all") -> Iterator[tuple[str, Path]]:
    """Yield (name, file) of the listed files in folders."""
    there = {
        hashlib.sha256(path.read_bytes()).hexdigest(): path
        for folder in folders
        for path in sorted(folder.rglob("*.onnx"))
    }
    for each in listed():
        if each.sha256 in there and part in ("all", "held-out" if each.held_out else "seen"):
            yield each.name, there[each.sha256]
