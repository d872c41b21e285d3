"""Rules about tools that run a model, quantise it, or convert it for a runtime or to float16."""

from __future__ import annotations

from rewriter.insight.tools.facts import Facts
from rewriter.insight.tools.rule import (
    INSIDE,
    LISTED,
    TWINS,
    UNLISTED,
    Effect,
    Remedy,
    Rule,
    Tool,
    above,
    counted,
    having,
    inner_nodes,
    notes,
    spans,
    unsorted,
)
from rewriter.runtime.ort.overloads import READ_SINCE

MEASURED = (
    *("1.23.0", "1.23.2", "1.24.1", "1.25.0", "1.26.0", "1.27.0", "1.28.0", "1.29.0", "1.30.0", "1.31.0"),
    *("1.31.1", "1.32.0"),
)
"""Versions of onnxruntime in which the rules were confirmed."""
ONNXRUNTIME = Tool("onnxruntime", "onnxruntime", MEASURED)
QUANTISATION = Tool("onnxruntime quantization", "onnxruntime", MEASURED)
TRANSFORMERS = Tool("onnxruntime.transformers", "onnxruntime", MEASURED)
FLOAT16 = Tool("onnxconverter-common float16", "onnxconverter-common", ("1.16.0",))
OPENVINO = Tool("OpenVINO", "openvino", ("2026.4.1",))

NEWEST_IR = {"1.32.0": 14, "1.24.1": 13, "": 11}
"""First version of onnxruntime -> the newest IR version read from there on; "" for all older versions."""
NEWEST_OPSET = {"1.32.0": 28, "1.25.0": 26, "1.24.1": 25, "": 23}
"""The same for opsets, unless the environment sets `ALLOW_RELEASED_ONNX_OPSET_ONLY=0`."""
DEEP = 5
"""Nesting of functions above which loading takes 1.5 times as long: onnxruntime inlines level by level."""


def _later_calls(facts: Facts) -> str:
    return counted(facts.shared, "function") + " called several times" if facts.shared else ""


INSIDE_IN_WORDS = " in bodies or functions"
INNER_FLOATS = ("float32 constant or cast in functions", "float32 constants or casts in functions")


RULES = (
    Rule(
        "onnxruntime/functions",
        ONNXRUNTIME,
        Effect.INLINES,
        inner_nodes,
        "a session inlines every function: profiles, logs and the optimised file name nodes "
        "_inlfunc_FUNCTION_NODE, and know no calls",
        Remedy.PROFILE,
    ),
    Rule(
        "onnxruntime/shared-functions",
        ONNXRUNTIME,
        Effect.INLINES,
        _later_calls,
        "nodes of the second and later calls are named by a counter (_token_3_), so nobody can tell from a "
        "profile which call was slow",
        Remedy.PROFILE,
    ),
    Rule(
        "onnxruntime/metadata",
        ONNXRUNTIME,
        Effect.DROPS,
        notes,
        "the optimised file has no metadata on nodes; the model's own stays",
        Remedy.CARRY,
    ),
    Rule(
        "onnxruntime/depth",
        ONNXRUNTIME,
        Effect.SLOWS,
        above("depth", DEEP, "functions {} deep inside each other"),
        "making a session takes longer with each level that it inlines: twice as long at 10, thrice at 20",
        "rewriter rewrite {model} -o {stem}.shallow.onnx --functions shared --depth 3, or "
        "rewriter flatten {model} -o {stem}.flat.onnx{foreign}",
    ),
    Rule(
        "onnxruntime/function-opset",
        ONNXRUNTIME,
        Effect.BREAKS,
        having("opset_functions", "function of another opset than the model's", "functions of other opsets"),
        "a session silently reads the body with the opset of the model: operators may mean something else",
        "export with one opset; 'rewriter verify' against the original tells whether it matters",
    ),
    *(
        Rule(
            "onnxruntime/ir-version",
            ONNXRUNTIME,
            Effect.REFUSES,
            above("ir_version", newest, "IR version {}"),
            f"no session: it reads IR versions up to {newest}",
            "export with an older IR version, or take a newer onnxruntime",
            since=since,
            before=before,
        )
        for since, before, newest in spans(NEWEST_IR)
    ),
    *(
        Rule(
            "onnxruntime/opset",
            ONNXRUNTIME,
            Effect.REFUSES,
            above("opset", newest, "opset {}"),
            f"no session: it reads opsets up to {newest}",
            "export with an older opset, or take a newer onnxruntime",
            since=since,
            before=before,
        )
        for since, before, newest in spans(NEWEST_OPSET)
    ),
    Rule(
        "onnxruntime/overloads",
        ONNXRUNTIME,
        Effect.BREAKS,
        having("twins", *TWINS),
        "a session silently runs the last listed body for all of them",
        Remedy.FLATTEN,
        before=READ_SINCE,
    ),
    Rule(
        "onnxruntime/inner-overloads",
        ONNXRUNTIME,
        Effect.BREAKS,
        having(
            "inner_overloads",
            "call in functions that selects its function by an overload",
            "calls in functions that select their functions by overloads",
        ),
        "a session ignores the overload: it silently runs the function without one, or fails if none exists",
        Remedy.FLATTEN,
        since=READ_SINCE,
    ),
    Rule(
        "onnxruntime/operator-functions",
        ONNXRUNTIME,
        Effect.REFUSES,
        having(
            "short_calls",
            "call of a function named like an operator with more inputs",
            "calls of functions named like operators with more inputs",
        ),
        "making a session ends the process (SIGABRT): it takes the call for the operator and reads inputs "
        "that the call lacks; 1.23 loads the file",
        Remedy.FLATTEN,
        since="1.24.1",
    ),
    Rule(
        "onnxruntime/constant-functions",
        ONNXRUNTIME,
        Effect.REFUSES,
        having("constant_calls", "call of a function named Constant", "calls of functions named Constant"),
        "no session: it takes the call for a Constant without a value",
        Remedy.FLATTEN,
    ),
    Rule(
        "onnxruntime/listed-constants",
        ONNXRUNTIME,
        Effect.BREAKS,
        having("listed_constants", *LISTED),
        f"sessions fold them; if a session saves the optimised model, {UNLISTED}",
        Remedy.UNLIST,
    ),
    Rule(
        "onnxruntime/order",
        ONNXRUNTIME,
        Effect.REFUSES,
        unsorted(INSIDE, INSIDE_IN_WORDS),
        "no session: it sorts the nodes of the main graph only",
        Remedy.SORT,
    ),
    Rule(
        "onnxruntime/bytes",
        ONNXRUNTIME,
        Effect.REFUSES,
        having("external", "file of external data", "files of external data"),
        "no session from bytes (InferenceSession(data)): it cannot know the folder of the weights",
        "give the session the path of the file, or set the session option "
        "session.model_external_initializers_file_folder_path",
    ),
    Rule(
        "onnxruntime-quantization/functions",
        QUANTISATION,
        Effect.SKIPS,
        having("quantised", "node to quantise in functions", "nodes to quantise in functions"),
        "quantize_dynamic silently leaves nodes in functions as they are",
        Remedy.FLATTEN_AND_CARRY,
    ),
    Rule(
        "onnxruntime-quantization/metadata",
        QUANTISATION,
        Effect.DROPS,
        having("quantised_noted", "node to quantise with metadata", "nodes to quantise with metadata"),
        "the nodes that it puts in place of others have no metadata",
        Remedy.CARRY,
    ),
    Rule(
        "onnxruntime-quantization/listed-constants",
        QUANTISATION,
        Effect.BREAKS,
        having("listed_constants", *LISTED),
        UNLISTED,
        Remedy.UNLIST,
    ),
    Rule(
        "onnxruntime-quantization/order",
        QUANTISATION,
        Effect.REFUSES,
        unsorted(INSIDE, INSIDE_IN_WORDS),
        "quantize_static ends: it calibrates in sessions, which do not take the model",
        Remedy.SORT,
    ),
    *(
        Rule(
            "onnxruntime-quantization/preprocess",
            QUANTISATION,
            Effect.INLINES,
            inner_nodes,
            "quant_pre_process writes a session's optimised model, which has no functions",
            Remedy.FLATTEN_AND_CARRY,
            since=since,
            before=before,
        )
        # From 1.24.1 to 1.30, skip_symbolic_shape made it discard the session's output.
        for since, before in (("1.31.0", ""), ("", "1.24.1"))
    ),
    Rule(
        "onnxruntime-transformers/functions",
        TRANSFORMERS,
        Effect.SKIPS,
        inner_nodes,
        "optimize_model fuses nothing inside functions, unless a session inlines them first (opt_level=1)",
        Remedy.FLATTEN_AND_CARRY,
    ),
    Rule(
        "onnxruntime-transformers/float16",
        TRANSFORMERS,
        Effect.BREAKS,
        having(
            "inner_floats", "float32 constant or cast in functions", "float32 constants or casts in functions"
        ),
        "its float16 converter leaves them float32 beside float16 values: no session loads the model",
        Remedy.FLATTEN_AND_CARRY,
    ),
    Rule(
        "onnxconverter-common/float16",
        FLOAT16,
        Effect.BREAKS,
        having(
            "inner_floats", "float32 constant or cast in functions", "float32 constants or casts in functions"
        ),
        "convert_float_to_float16 leaves them float32 beside float16 values: no session loads the model",
        Remedy.FLATTEN_AND_CARRY,
    ),
    Rule(
        "openvino/functions",
        OPENVINO,
        Effect.REFUSES,
        having("called", "function"),
        "read_model has no rule for calls of local functions, and ends",
        Remedy.FLATTEN,
    ),
    Rule(
        "openvino/order",
        OPENVINO,
        Effect.REFUSES,
        unsorted(INSIDE, INSIDE_IN_WORDS),
        "read_model ends: it sorts the nodes of the main graph only",
        Remedy.SORT,
    ),
)
