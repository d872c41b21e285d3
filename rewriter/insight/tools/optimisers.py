"""Rules about graph optimisers."""

from __future__ import annotations

from rewriter.insight.tools.rule import (
    ANYWHERE,
    LISTED,
    TWINS,
    UNLISTED,
    Effect,
    Remedy,
    Rule,
    Tool,
    above,
    having,
    inner_nodes,
    notes,
    spans,
    unsorted,
)

SLIM = Tool(
    "onnxslim",
    "onnxslim",
    ("0.1.50", "0.1.60", "0.1.65", "0.1.80", "0.1.85", "0.1.90", "0.1.95", "0.1.98"),
)
SIM = Tool("onnxsim", "onnxsim", ("0.4.36", "0.6.3", "0.6.5", "0.7.0", "0.7.3", "0.8.1"))
OPTIMIZER = Tool("onnxoptimizer", "onnxoptimizer", ("0.4.2",))
ONNXSCRIPT = Tool("onnxscript optimizer", "onnxscript", ("0.7.2",))

SIM_NEWEST_IR = {"0.8.1": 14, "0.6.3": 13, "": 10}
"""First version of onnxsim -> the newest IR version read from there on; "" for all older versions."""

RULES = (
    Rule(
        "onnxslim/functions",
        SLIM,
        Effect.SKIPS,
        inner_nodes,
        "nothing inside of functions is simplified",
        Remedy.FLATTEN_AND_CARRY,
    ),
    Rule(
        "onnxslim/metadata",
        SLIM,
        Effect.DROPS,
        notes,
        "the metadata of all nodes is dropped, in functions too; the model's own stays",
        Remedy.CARRY,
    ),
    Rule(
        "onnxslim/overloads",
        SLIM,
        Effect.BREAKS,
        having("twins", *TWINS),
        "overloads are dropped, and only one function of each name is kept: calls run the wrong body",
        Remedy.FLATTEN,
    ),
    Rule(
        "onnxslim/documents",
        SLIM,
        Effect.DROPS,
        having("documents", "doc string"),
        "doc strings are dropped",
        Remedy.MASTER,
    ),
    Rule(
        "onnxslim/quantization-annotations",
        SLIM,
        Effect.DROPS,
        having("quantization_annotations", "quantization annotation"),
        "quantization annotations are dropped",
        Remedy.MASTER,
    ),
    Rule(
        "onnxslim/training",
        SLIM,
        Effect.DROPS,
        having("trainings", "entry of training information", "entries of training information"),
        "training information is dropped",
        Remedy.MASTER,
    ),
    Rule(
        "onnxslim/listed-constants",
        SLIM,
        Effect.BREAKS,
        having("listed_constants", *LISTED),
        UNLISTED,
        Remedy.UNLIST,
    ),
    Rule(
        "onnxslim/order",
        SLIM,
        Effect.BREAKS,
        having(
            "captured_unsorted",
            "node whose body reads a value before it is written",
            "nodes whose bodies read values before they are written",
        ),
        "the node that writes the value is dropped, its readers stay: no session takes the model",
        Remedy.SORT,
        since="0.1.85",
    ),
    Rule(
        "onnxsim/order",
        SIM,
        Effect.REFUSES,
        unsorted(ANYWHERE),
        "simplify ends: it checks the model first",
        Remedy.SORT,
    ),
    Rule(
        "onnxsim/functions",
        SIM,
        Effect.SKIPS,
        inner_nodes,
        "nothing inside of functions is simplified",
        Remedy.FLATTEN_AND_CARRY,
        since="0.6.3",
    ),
    Rule(
        "onnxsim/functions-dropped",
        SIM,
        Effect.BREAKS,
        inner_nodes,
        "all functions are dropped, their calls stay: no session takes the model",
        Remedy.FLATTEN_AND_CARRY,
        before="0.6.3",
    ),
    Rule(
        "onnxsim/metadata",
        SIM,
        Effect.DROPS,
        having("noted", "node with metadata", "nodes with metadata"),
        "the metadata of all nodes of the main graph is dropped; the model's own stays",
        Remedy.CARRY,
    ),
    Rule(
        "onnxsim/quantization-annotations",
        SIM,
        Effect.DROPS,
        having("quantization_annotations", "quantization annotation"),
        "quantization annotations are dropped",
        Remedy.MASTER,
    ),
    Rule(
        "onnxsim/training",
        SIM,
        Effect.DROPS,
        having("trainings", "entry of training information", "entries of training information"),
        "training information is dropped",
        Remedy.MASTER,
    ),
    *(
        Rule(
            "onnxsim/ir-version",
            SIM,
            Effect.REFUSES,
            above("ir_version", newest, "IR version {}"),
            f"it reads IR versions up to {newest}",
            "export with an older IR version, or take a newer onnxsim",
            since=since,
            before=before,
        )
        for since, before, newest in spans(SIM_NEWEST_IR)
    ),
    Rule(
        "onnxoptimizer/functions",
        OPTIMIZER,
        Effect.SKIPS,
        inner_nodes,
        "nothing inside of functions is optimised",
        Remedy.FLATTEN_AND_CARRY,
    ),
    Rule(
        "onnxoptimizer/metadata",
        OPTIMIZER,
        Effect.DROPS,
        having("noted", "node with metadata", "nodes with metadata"),
        "the metadata of all nodes of the main graph is dropped",
        Remedy.CARRY,
    ),
    Rule(
        "onnxoptimizer/listed-constants",
        OPTIMIZER,
        Effect.SLOWS,
        having("listed_constants", *LISTED),
        "it raises the IR version to 4 and keeps them as inputs, so that they can be fed: sessions of its "
        "output can no longer fold or fuse them",
        Remedy.UNLIST,
    ),
    Rule(
        "onnxscript/functions",
        ONNXSCRIPT,
        Effect.INLINES,
        inner_nodes,
        "optimize inlines all functions",
        Remedy.CARRY,
    ),
    Rule(
        "onnxscript/sparse",
        ONNXSCRIPT,
        Effect.BREAKS,
        having("sparse", "sparse initializer"),
        "sparse initializers are dropped, their readers stay: no session takes the model",
        Remedy.DENSE,
    ),
    Rule(
        "onnxscript/order",
        ONNXSCRIPT,
        Effect.REFUSES,
        unsorted(("function_unsorted",), " in functions"),
        "optimize fails: it inlines functions, and does not find the value",
        Remedy.SORT,
    ),
)
