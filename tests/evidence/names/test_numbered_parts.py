"""A child of a Sequential without a weight gets the number missing between two children with one."""

from __future__ import annotations

import onnx.parser
import pytest

from rewriter import pipeline
from rewriter.modules.module_tree import ModuleTree

BUFFERS = {"running_mean": "float[1]", "running_var": "float[1]", "num_batches_tracked": "int64"}
WEIGHTED = {
    "Conv": {"weight": "float[1,1,1,1]", "bias": "float[1]"},
    "BatchNormalization": {"weight": "float[1]", "bias": "float[1]", **BUFFERS},
}
RELU, TANH, POOL, FLATTEN = "Relu({0})", "Tanh({0})", "MaxPool<kernel_shape = [1, 1]>({0})", "Flatten({0})"
GELU = "Div({0}, k) | Erf({1}) | Add({2}, k) | Mul({0}, {3}) | Mul({4}, k)"
SILU = "Sigmoid({0}) | Mul({0}, {1})"
RESIDUAL = "Relu({0}) | Tanh({1}) | Add({0}, {2})"
CONV, NORM = WEIGHTED


def sequential(*parts: str | None, prefix: str = "net") -> ModuleTree:
    """Return the tree of an old export of a Sequential, in which only weights have names.

    Args:
        parts: for each child its operator with a weight, or its steps on earlier results; None for no nodes.
        prefix: the path of the Sequential.
    """
    tensors, body, last, count = ["float[1] k = {1}"], "", "x", 0
    for number, part in enumerate(parts):
        named = {f"{prefix}.{number}.{name}": kind for name, kind in WEIGHTED.get(part or "", {}).items()}
        tensors += [f'{kind} "{name}" = {{1}}' for name, kind in named.items()]
        read = "".join(f', "{name}"' for name, kind in named.items() if kind != "int64")
        given = [last]
        for step in (f"{part}({last}{read})" if named else part or "").split(" | ") if part else ():
            count += 1
            body += f" v{count} = {step.format(*given)}"
            given.append(f"v{count}")
        last = given[-1]
    graph = f"g (float[1,1,2,2] x) => (float y) <{', '.join(tensors)}> {{ {body} y = Neg({last}) }}"
    return pipeline.load(onnx.parser.parse_model(f'<ir_version: 4, opset_import: ["" : 9]> {graph}')).tree


def placed(tree: ModuleTree) -> list[str | None]:
    """Return the modules of all nodes but the last, which is outside of the Sequential."""
    return [str(place.module) if place else None for place in tree.placements[:-1]]


@pytest.mark.parametrize(
    "parts",
    [
        (CONV, RELU, CONV),
        (CONV, NORM, RELU, CONV, NORM),
        (NORM, RELU, CONV, NORM, RELU, CONV),
        (CONV, RELU, POOL, CONV),
        (CONV, POOL, NORM, TANH, RELU, CONV),
        (CONV, FLATTEN, RELU, NORM),
        (CONV, RELU, RELU, CONV),
    ],
)
@pytest.mark.parametrize("prefix", ["net", "net.0", "features.3.branch"])
def test_missing_numbers_are_parts_without_weights(parts: tuple[str, ...], prefix: str) -> None:
    assert placed(sequential(*parts, prefix=prefix)) == [f"{prefix}.{n}" for n in range(len(parts))]


@pytest.mark.parametrize("part", [GELU, SILU])
def test_a_part_of_several_nodes(part: str) -> None:
    found = placed(sequential(CONV, part, RELU, CONV))
    inside = len(part.split(" | "))
    assert found == ["net.0", *["net.1"] * inside, "net.2", "net.3"]


@pytest.mark.parametrize(
    "parts",
    [
        (CONV, None, RELU, CONV),  # a dropout before or behind the Relu
        (CONV, RELU, None, CONV),
        (CONV, None, RELU, None, POOL, CONV),
        (CONV, RESIDUAL, CONV),  # the nodes are no module of torch
        (CONV, f"{RELU} | Tanh({{1}})", CONV),  # two modules for one number
    ],
)
def test_what_may_be_one_or_the_other_is_not_placed(parts: tuple[str | None, ...]) -> None:
    found = placed(sequential(*parts))
    assert found[0] == "net.0"
    assert not any(found[1:-1])
    assert found[-1] == f"net.{len(parts) - 1}"


def test_what_stands_behind_the_last_number_is_not_placed() -> None:
    assert placed(sequential(CONV, NORM, RELU))[-1] is None


def test_a_counter_of_batches_leaves_a_norm_its_class() -> None:
    tree = sequential(CONV, NORM, RELU, CONV)
    assert [str(module.inferred_class).rpartition(".")[2] for module in tree if not module.children] == [
        "Conv2d",
        "_BatchNorm",
        "ReLU",
        "Conv2d",
    ]
