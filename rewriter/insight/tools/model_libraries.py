"""Rules about libraries that convert a model to Python objects and back."""

from __future__ import annotations

from rewriter.insight.tools.facts import Facts
from rewriter.insight.tools.rule import (
    LISTED,
    TWINS,
    UNLISTED,
    Effect,
    Remedy,
    Rule,
    Tool,
    counted,
    having,
    notes,
)

GRAPHSURGEON = Tool("onnx-graphsurgeon", "onnx-graphsurgeon", ("0.6.1",))
ONNX_IR = Tool("onnx-ir", "onnx-ir", ("1.1.0",))


def _recursion(facts: Facts) -> str:
    if not (facts.functions and facts.bodies):
        return ""
    bodies = counted(facts.bodies, "body of If, Loop or Scan", "bodies of If, Loop or Scan")
    return f"{counted(facts.functions, 'function')} and {bodies}"


RULES = (
    Rule(
        "onnx-graphsurgeon/metadata",
        GRAPHSURGEON,
        Effect.DROPS,
        notes,
        "import and export drop the metadata of all nodes and of functions",
        Remedy.CARRY,
    ),
    Rule(
        "onnx-graphsurgeon/model-metadata",
        GRAPHSURGEON,
        Effect.DROPS,
        having("model_notes", "metadata entry of the model", "metadata entries of the model"),
        "import and export drop them: only names and the sidecar still hold the tree",
        Remedy.CARRY,
    ),
    Rule(
        "onnx-graphsurgeon/documents",
        GRAPHSURGEON,
        Effect.DROPS,
        having("documents", "doc string"),
        "doc strings of the model and of nodes are dropped",
        Remedy.MASTER,
    ),
    Rule(
        "onnx-graphsurgeon/overloads",
        GRAPHSURGEON,
        Effect.BREAKS,
        having("twins", *TWINS),
        "overloads are dropped: several functions then have one name, which no model may have",
        Remedy.FLATTEN,
    ),
    Rule(
        "onnx-graphsurgeon/function-types",
        GRAPHSURGEON,
        Effect.DROPS,
        having("function_types", "stated type inside of functions", "stated types inside of functions"),
        "the value_info of functions is dropped",
        Remedy.MASTER,
    ),
    Rule(
        "onnx-graphsurgeon/quantization-annotations",
        GRAPHSURGEON,
        Effect.DROPS,
        having("quantization_annotations", "quantization annotation"),
        "quantization annotations are dropped",
        Remedy.MASTER,
    ),
    Rule(
        "onnx-graphsurgeon/training",
        GRAPHSURGEON,
        Effect.DROPS,
        having("trainings", "entry of training information", "entries of training information"),
        "training information is dropped",
        Remedy.MASTER,
    ),
    Rule(
        "onnx-graphsurgeon/listed-constants",
        GRAPHSURGEON,
        Effect.BREAKS,
        having("listed_constants", *LISTED),
        UNLISTED,
        Remedy.UNLIST,
    ),
    Rule(
        "onnx-graphsurgeon/toposort",
        GRAPHSURGEON,
        Effect.REFUSES,
        _recursion,
        "toposort() recurses without end",
        Remedy.FLATTEN,
    ),
    Rule(
        "onnx-ir/sparse",
        ONNX_IR,
        Effect.BREAKS,
        having("sparse", "sparse initializer"),
        "sparse initializers are dropped, their readers stay: no session takes the model",
        Remedy.DENSE,
    ),
    Rule(
        "onnx-ir/training",
        ONNX_IR,
        Effect.DROPS,
        having("trainings", "entry of training information", "entries of training information"),
        "training information is dropped",
        Remedy.MASTER,
    ),
)
