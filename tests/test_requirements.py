"""A lower bound in pyproject.toml is a version that was run: what the tests need, and the doctor's tools."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from rewriter.basics.releases import numbers_of
from rewriter.insight.tools.examine import TOOLS

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def bounds(requirements: list[str]) -> dict[str, str]:
    """Package -> its lower bound, the extras of ours entered."""
    found: dict[str, str] = {}
    for requirement in requirements:
        if ours := re.fullmatch(rf"{PROJECT['name']}\[(.*)\]", requirement):
            for extra in ours[1].split(","):
                found |= bounds(PROJECT["optional-dependencies"][extra])
            continue
        stated = re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)(?:,<[\d.]+)?", requirement)
        assert stated, f"{requirement!r} has no lower bound"
        found[stated[1]] = stated[2]
    return found


def whole(release: str) -> tuple[int, ...]:
    """`1.19` as 1.19.0."""
    return (*numbers_of(release), 0, 0)[:3]


def test_the_lowest_versions_are_the_bounds() -> None:
    text = (ROOT / ".ci" / "lowest.txt").read_text("utf-8")
    pinned = dict(line.split("==") for line in text.splitlines() if not line.startswith("#"))
    asked = bounds([*PROJECT["dependencies"], f"{PROJECT['name']}[dev]"])
    assert list(pinned) == sorted(asked)
    assert {name: whole(release) for name, release in pinned.items()} == {
        name: whole(bound) for name, bound in asked.items()
    }


def test_the_tools_of_the_doctor_were_measured_from_their_bounds_on() -> None:
    asked = bounds([*PROJECT["dependencies"], f"{PROJECT['name']}[downstream]"])
    measured = {tool.package: tool.measured[0] for tool in TOOLS}
    assert set(measured) <= set(asked)
    assert {name: whole(oldest) for name, oldest in measured.items()} == {
        name: whole(asked[name]) for name in measured
    }
