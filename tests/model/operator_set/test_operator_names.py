from __future__ import annotations

import json
import warnings
from importlib.metadata import version

import pytest

from benchmarks.operator_names import installed
from rewriter.model.operator_set.operator_names import PATH, names

LISTED_UP_TO = {"onnx": (1, 23, 2), "onnxruntime": (1, 32, 0)}
"""The newest versions whose operators were listed."""


def test_the_operators_of_the_installed_runtimes_are_listed() -> None:
    known = json.loads(PATH.read_text("utf-8"))
    missing = [(d, name) for d, name in installed() if name not in known.get(d or "ai.onnx", ())]
    newer = [package for package, newest in LISTED_UP_TO.items() if _numbers(package) > newest]
    if newer:
        warnings.warn(f"{', '.join(newer)} is newer than the list of operators; new: {missing}", stacklevel=1)
    else:
        assert missing == [], "python -m benchmarks.operator_names adds them"


def _numbers(package: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version(package).split(".")[:3])


@pytest.mark.parametrize(
    "name",
    ["Sub", "Softmax", "Constant", "Gelu", "Attention", "ReorderInput", "DmlFusedAdd", "ATen", "GroupNorm"],
)
def test_operators_of_every_domain_count(name: str) -> None:
    assert name in names()


@pytest.mark.parametrize("name", ["sub", "SUB", "SubModule", "Linear", "Conv2d", "ReLU", ""])
def test_upper_and_lower_case_count(name: str) -> None:
    assert name not in names()


def test_no_name_with_the_suffix_is_an_operator() -> None:
    assert not [name for name in names() if name.endswith("Module")]


def test_the_list_is_sorted_so_that_changes_can_be_read() -> None:
    listed = json.loads(PATH.read_text("utf-8"))
    assert list(listed) == sorted(listed)
    assert all(each == sorted(set(each)) for each in listed.values())
