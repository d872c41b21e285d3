"""Compares texts and files of the commands of `benchmarks.twice`, and reports the results as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from benchmarks.masking import masked_stdout
from benchmarks.reporting import environment, table
from benchmarks.twice_commands import Words
from benchmarks.twice_worker import Said
from rewriter.cli import BUG


@dataclass(slots=True)
class Found:
    """Results on some files.

    Attributes:
        counts: action -> number of times.
        verbs: verb -> number of compared commands.
        codes: exit code -> number of commands that ended with it.
        faults: all differences, each in one line or more.
    """

    counts: Counter[str] = field(default_factory=Counter)
    verbs: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """Add the results on other files."""
        self.counts += other.counts
        self.verbs += other.verbs
        self.codes += other.codes
        self.faults += other.faults

    def fault(self, name: str, words: Words, what: str) -> None:
        """Record a difference in a command on a file."""
        self.faults.append(f"{name}: {' '.join(words)}: {what}")

    def compare(
        self, name: str, commands: Sequence[Words], one: Sequence[Said], other: Sequence[Said]
    ) -> None:
        """Compare the output of commands in both processes."""
        for words, first, second in zip(commands, one, other, strict=True):
            self.verbs[words[0]] += 1
            self.codes[first.code] += 1
            if first.code == BUG:
                self.fault(name, words, first.stderr.strip())
            if (what := unlike(words, first, second)) is not None:
                self.fault(name, words, what)

    def over(self, name: str, codes: Mapping[Words, int], said: Sequence[Said]) -> None:
        """Compare the exit codes of commands with the exit codes over their own output."""
        for (words, code), each in zip(codes.items(), said, strict=True):
            self.counts["over"] += 1
            if each.code != code:
                self.fault(name, words, f"over its output: {each.code} {each.stderr.strip()}")

    def same_files(self, name: str, one: dict[str, str], other: dict[str, str], when: str) -> None:
        """Compare all files of two folders."""
        self.counts["files compared"] += len(one)
        for path in sorted(one.keys() | other.keys()):
            if one.get(path) != other.get(path):
                self.faults.append(f"{name}: {path}: {when}: {_missing(path, one, other)}")


def unlike(words: Words, one: Said, other: Said) -> str | None:
    """Describe the first difference of two runs of a command; None if there is none."""
    if one.code != other.code:
        return f"exit codes {one.code} and {other.code}: {one.stderr.strip()} / {other.stderr.strip()}"
    for stream in ("stdout", "stderr"):
        first, second = (masked_stdout(words, getattr(said, stream)).splitlines() for said in (one, other))
        for number, (left, right) in enumerate(zip_longest(first, second, fillvalue="(no line)"), 1):
            if left != right:
                return f"{stream}, line {number}: {left.strip()!r} and {right.strip()!r}"
    return None


def _missing(path: str, one: dict[str, str], other: dict[str, str]) -> str:
    return "other bytes" if path in one and path in other else "is there once only"


def report(found: Found, seconds: float) -> str:
    """Return the results as Markdown."""
    counts = found.counts
    verdict = f"{len(found.faults)} differences" if found.faults else "No difference"
    codes = ", ".join(f"{count} with {code}" for code, count in sorted(found.codes.items()))
    sections = [
        "# Every verb twice",
        f"    python -m benchmarks.twice\n\n{environment()} {counts['files']} files, {seconds:.0f} s.",
        f"**{verdict}.**",
        f"- {found.verbs.total():,} commands ran twice, in processes with different hash seeds and in "
        f"opposite order: {codes}. Exit code, stdout and stderr are compared, without times.\n"
        f"- {counts['files compared']:,} written files are compared, byte by byte; the ledgers of `batch` "
        "without their seconds.\n"
        f"- {counts['over']:,} commands that write ran again over their own output.\n"
        f"- {counts['again']:,} outputs of `rewrite` and `carry` were rewritten again: the bytes have to be "
        "the same, and the tree may have no conflict that the tree of the input does not have.\n"
        f"- {counts['run']} files have a profile that onnxruntime recorded, for `--from`, and the fused "
        "model that it ran, for `carry`. New profiles are compared without times; pages that show one are "
        "not compared.\n"
        "- Every verb runs on every file; the options of a verb are spread over the files.",
        table(["verb", "commands"], sorted(found.verbs.items())),
    ]
    if found.faults:
        sections.append("\n".join(f"- {fault}" for fault in found.faults))
    return "\n\n".join(sections)
