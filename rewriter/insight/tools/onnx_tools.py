"""Rules about the tools of the onnx package."""

from __future__ import annotations

from rewriter.insight.tools.facts import Facts
from rewriter.insight.tools.rule import (
    ANYWHERE,
    LISTED,
    Effect,
    Remedy,
    Rule,
    Tool,
    above,
    counted,
    having,
    unsorted,
)

ONNX = Tool(
    "onnx",
    "onnx",
    ("1.19.0", "1.19.1", "1.20.0", "1.20.1", "1.21.0", "1.22.0", "1.23.0", "1.23.1", "1.23.2"),
)

MOST_FUNCTIONS = 10_000
"""Maximum number of functions that the checker of onnx accepts."""
TWO_GIGABYTES = (1 << 31) - 1
"""Maximum number of bytes that protobuf writes."""
WIDE = 10
"""Growth factor of the number of nodes by inlining, above which `onnx/inliner-growth` applies."""


def _growth(facts: Facts) -> str:
    if facts.expanded <= WIDE * facts.nodes:
        return ""
    return f"{counted(facts.nodes, 'node')} in the file are {facts.expanded:,} once functions are inlined"


def _large(facts: Facts) -> str:
    return f"{facts.data_bytes:,} bytes with external data" if facts.data_bytes > TWO_GIGABYTES else ""


RULES = (
    Rule(
        "onnx/version-converter-functions",
        ONNX,
        Effect.BREAKS,
        having("called", "function"),
        "version_converter drops all functions and keeps their calls: the checker accepts its output, no "
        "session does",
        Remedy.FLATTEN_AND_CARRY,
    ),
    Rule(
        "onnx/version-converter-metadata",
        ONNX,
        Effect.DROPS,
        having("noted", "node with metadata", "nodes with metadata"),
        "version_converter drops the metadata of all nodes",
        Remedy.CARRY,
    ),
    Rule(
        "onnx/inliner-defaults",
        ONNX,
        Effect.BREAKS,
        having("defaults", "function with default attributes", "functions with default attributes"),
        "onnx.inliner drops the defaults, so that the model computes something else",
        Remedy.FLATTEN,
    ),
    Rule(
        "onnx/inliner-growth",
        ONNX,
        Effect.INLINES,
        _growth,
        "onnx.inliner, and every tool that inlines functions, makes that many nodes",
        "rewriter stats {model} counts them by module",
    ),
    Rule(
        "onnx/shape-inference",
        ONNX,
        Effect.SKIPS,
        having("inner_values", "value inside of functions", "values inside of functions"),
        "infer_shapes reports no shape of them",
        "rewriter stats {model}, or " + Remedy.FLATTEN,
    ),
    Rule(
        "onnx/reference-order",
        ONNX,
        Effect.REFUSES,
        having(
            "late_callees",
            "function listed after its caller",
            "functions listed after their callers",
        ),
        "ReferenceEvaluator finds a function only if it is listed before its caller",
        Remedy.FLATTEN,
    ),
    Rule(
        "onnx/checker-functions",
        ONNX,
        Effect.REFUSES,
        above("functions", MOST_FUNCTIONS, "{} functions"),
        f"the checker accepts at most {MOST_FUNCTIONS:,} functions",
        "rewriter rewrite {model} -o {stem}.shared.onnx --functions shared",
        since="1.22.0",
    ),
    Rule(
        "onnx/checker-size",
        ONNX,
        Effect.REFUSES,
        _large,
        "checker.check_model(onnx.load(...)) and infer_shapes(onnx.load(...)) end: protobuf writes at most "
        "2 GB",
        "give check_model the path of the file; for shapes, onnx.load(path, load_external_data=False)",
    ),
    Rule(
        "onnx/links",
        ONNX,
        Effect.REFUSES,
        having("linked", "file of external data that is a link", "files of external data that are links"),
        "onnx.load opens no data through links",
        "cp --remove-destination the data itself beside the model",
        since="1.21.0",
    ),
    Rule(
        "onnx/extract-functions",
        ONNX,
        Effect.REFUSES,
        having("inner_values", "value inside of functions", "values inside of functions"),
        "utils.extract_model cuts the main graph alone; it knows no value inside of functions",
        Remedy.EXTRACT,
    ),
    Rule(
        "onnx/extract-metadata",
        ONNX,
        Effect.DROPS,
        having("model_notes", "metadata entry of the model", "metadata entries of the model"),
        "utils.extract_model drops them; the metadata of nodes stays",
        Remedy.EXTRACT,
    ),
    Rule(
        "onnx/compose-names",
        ONNX,
        Effect.BREAKS,
        having(
            "operator_names",
            "function named like an operator in use",
            "functions named like operators in use",
        ),
        "compose.add_prefix compares names alone and renames the operators too",
        Remedy.FLATTEN,
    ),
    Rule(
        "onnx/extract-listed-constants",
        ONNX,
        Effect.REFUSES,
        having("listed_constants", *LISTED),
        "utils.extract_model drops them from the inputs but keeps the IR version, which its checker refuses",
        Remedy.UNLIST,
    ),
    Rule(
        "onnx/checker-order",
        ONNX,
        Effect.REFUSES,
        unsorted(ANYWHERE),
        "checker.check_model ends, and with it utils.extract_model and compose.merge_models",
        Remedy.SORT,
    ),
    Rule(
        "onnx/reference-node-order",
        ONNX,
        Effect.REFUSES,
        unsorted(("unsorted", "body_unsorted", "function_unsorted")),
        "ReferenceEvaluator computes nodes in file order, and fails where an input is not computed yet",
        Remedy.SORT,
    ),
    Rule(
        "onnx/inliner-order",
        ONNX,
        Effect.BREAKS,
        unsorted(("function_unsorted",), " in functions"),
        "onnx.inliner renames the value where it is written but not where it is read: no node writes it then",
        Remedy.SORT,
    ),
)
