"""Small models whose nodes read given tensors, and checkpoints in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, helper, numpy_helper

import rewriter
from rewriter.checkpoints.content import FoundFormulas, find_formulas
from rewriter.model.tensors import Array


@dataclass(frozen=True)
class InMemory:
    """A checkpoint of arrays."""

    arrays: dict[str, Array]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {key: array.shape for key, array in self.arrays.items()}

    def read(self, key: str) -> Array:
        return self.arrays[key]


def drawn(seed: int, **shapes: tuple[int, ...]) -> InMemory:
    """Return a checkpoint of random numbers; `__` in a name stands for a dot."""
    random = np.random.default_rng(seed)
    return InMemory(
        {
            name.replace("__", "."): (random.random(shape) + 0.5).astype(np.float32)
            if name.endswith("running_var")
            else random.standard_normal(shape).astype(np.float32)
            for name, shape in shapes.items()
        }
    )


def model_of(tensors: dict[str, Array], scopes: dict[str, str] | None = None) -> ModelProto:
    """Return a model with a node for each tensor, which reads it as a weight.

    Args:
        tensors: name -> content.
        scopes: name of a tensor -> the modules whose nodes read it, as `a b`; nodes are named after them.
    """
    nodes = [
        helper.make_node("Mul", ["x", name], [f"{name}_{number}"], name=f"/{module.replace('.', '/')}/Mul")
        for name in tensors
        for number, module in enumerate((scopes or {}).get(name, "any").split())
    ]
    x = helper.make_tensor_value_info("x", 1, None)
    outputs = [helper.make_tensor_value_info(node.output[0], 1, None) for node in nodes]
    stored = [numpy_helper.from_array(np.array(array), name) for name, array in tensors.items()]
    graph = helper.make_graph(nodes, "main", [x], outputs, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def find(tensors: dict[str, Array], old: InMemory, scopes: dict[str, str] | None = None) -> FoundFormulas:
    """Return the formulas of the tensors of a small model."""
    return find_formulas(rewriter.load(model_of(tensors, scopes)), old)


def refitted(of: str, tensors: dict[str, Array], old: InMemory, new: InMemory) -> Array:
    """Return the new content of one tensor of a small model."""
    return find(tensors, old).formulas[of].evaluate(new.read)
