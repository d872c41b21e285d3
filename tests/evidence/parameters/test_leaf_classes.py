"""Classes of leaves, inferred from their operators and parameters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rewriter import pipeline
from rewriter.evidence.parameters.leaf_classes import PATTERNS, class_of
from tests.exports import EXPORTS


@pytest.mark.parametrize(
    ("operators", "parameters", "name"),
    [
        ({"Gemm"}, {"weight": 2, "bias": 1}, "Linear"),
        ({"MatMul", "Add"}, {"weight": 2, "bias": 1}, "Linear"),
        ({"MatMul", "Reshape", "Transpose"}, {"weight": 2}, "Linear"),
        ({"Conv"}, {"weight": 3}, "Conv1d"),
        ({"Conv"}, {"weight": 4, "bias": 1}, "Conv2d"),
        ({"Conv"}, {"weight": 4, "weight_bias": 1}, "Conv2d"),
        ({"ConvTranspose"}, {"weight": 5}, "ConvTranspose3d"),
        ({"Gather"}, {"weight": 2}, "Embedding"),
        ({"LayerNormalization"}, {"weight": 1, "bias": 1}, "LayerNorm"),
        ({"ReduceMean", "Sub", "Pow", "Add", "Sqrt", "Div", "Mul"}, {"weight": 1, "bias": 1}, "LayerNorm"),
        ({"ReduceMean", "Pow", "Add", "Sqrt", "Div", "Mul", "Cast"}, {"weight": 1}, "RMSNorm"),
        ({"Relu"}, {}, "ReLU"),
        ({"Erf", "Div", "Add", "Mul"}, {}, "GELU"),
        ({"Sigmoid", "Mul"}, {}, "SiLU"),
        ({"Sigmoid"}, {}, "Sigmoid"),
    ],
)
def test_leaves(operators: set[str], parameters: dict[str, int], name: str) -> None:
    found = class_of(dict.fromkeys(operators, 1), parameters)
    assert found is not None
    assert found.rpartition(".")[2] == name


@pytest.mark.parametrize(
    ("operators", "parameters"),
    [
        ({"MatMul", "Add", "Softmax"}, {"weight": 2}),  # an operator too many
        ({"Gemm"}, {"scale": 2}),  # a matrix of another name
        ({"Gemm"}, {"weight": 2, "gate": 1}),  # a parameter too many
        ({"Gemm"}, {}),  # no weight found
        ({"Add", "Mul"}, {}),
        ({"Reshape"}, {}),
        (set(), {}),
    ],
)
def test_what_looks_like_nothing(operators: set[str], parameters: dict[str, int]) -> None:
    assert class_of(dict.fromkeys(operators, 1), parameters) is None


def test_no_pattern_is_hidden_by_an_earlier_one() -> None:
    for pattern in PATTERNS:
        parameters = {**pattern.parameters, **dict.fromkeys(pattern.others, 1)}
        assert (
            class_of(dict.fromkeys(pattern.operators | pattern.optional, 1), parameters) == pattern.class_name
        )


def torch_classes(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return module -> true class, for classes of torch.nn, and module -> inferred class."""
    truth = json.loads((path.parent / "truth.json").read_text())
    true = {each["path"]: each["class"] for each in truth["modules"] if each["class"].startswith("torch.nn.")}
    tree = pipeline.load(path).tree
    return true, {str(each.path): each.inferred_class for each in tree if each.inferred_class}


@pytest.mark.parametrize("model", ["bert", "resnet", "vit", "t5", "conv_batchnorm"])
def test_classes_of_torch_are_inferred_right(model: str) -> None:
    true, inferred = torch_classes(EXPORTS / model / "ts.onnx")
    told = {path: name for path, name in inferred.items() if path in true}
    assert len(told) > 1
    for path, name in told.items():
        base, last = name.rpartition(".")[2], true[path].rpartition(".")[2]
        assert last.startswith(base.removeprefix("_").removesuffix("Nd")), path


def test_a_class_that_is_known_is_not_guessed() -> None:
    tree = pipeline.load(EXPORTS / "bert" / "dy.onnx").tree
    assert not any(module.inferred_class for module in tree if module.class_name)
    assert sum(module.class_name is not None for module in tree) > 20
