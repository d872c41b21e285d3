"""Loops and Scans go by types that `value_info` states: a grouped one gives the same, run never or once."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import rewriter
from rewriter.basics.literals import FunctionsWord
from rewriter.passes.annotate import Annotate
from rewriter.passes.flatten import Flatten
from rewriter.refusals import Reason
from tests.build import HEAD


def loop(result: str = "float[k]", body: str = "s = Neg (r)", out: str = "l", module: str = "a") -> str:
    return (
        f'["/{module}/Loop"] {out} = Loop (M, "") '
        f"<body = b (int64 it, bool c) => (bool c2, {result} s) {{ c2 = Identity (c) {body} }}>"
    )


RESHAPE = '["/a/Reshape"] r = Reshape (x, shp)'
SIZES = '["/a/Shape"] t = Shape (l) ["/Identity"] z = Identity (t)'
INPUTS = "int64 M, float[n] x, int64[1] shp, bool w"

STATED = {
    "what the body captures": f"g ({INPUTS}) => (int64[2] z) <float[3] r> {{ {RESHAPE} {loop()} {SIZES} }}",
    "two nodes before it": f"""g ({INPUTS}) => (int64[2] z) <float[3] q> {{
        ["/a/Reshape"] q = Reshape (x, shp) ["/a/Neg"] r = Neg (q) {loop()} {SIZES} }}""",
    "a loop outside of all modules": f"""g ({INPUTS}) => (int64[2] z) <float[3] q> {{
        ["/a/Reshape"] q = Reshape (x, shp) ["/a/Neg"] r = Neg (q) {loop().replace("/a/", "/")} {SIZES} }}""",
    "in a module inside": f"""g ({INPUTS}) => (int64[2] z) <float[3] q> {{
        ["/a/in/Reshape"] q = Reshape (x, shp) ["/a/in/Neg"] r = Neg (q) {loop()} {SIZES} }}""",
    "by way of a shape": f"""g ({INPUTS}) => (int64[2] z) <float[3] q, int64[1] r> {{
        ["/a/Reshape"] q = Reshape (x, shp) ["/a/Shape1"] r = Shape (q)
        {loop(body="s = ConstantOfShape (r)")} {SIZES} }}""",
    "what the loop carries": f"""g ({INPUTS}) => (int64[2] z) <float[3] r> {{
        {RESHAPE} ["/a/Loop"] v, l = Loop (M, "", r) <body = b (int64 it, bool c, float[] p)
          => (bool c2, float[] p2, float[] s)
          {{ c2 = Identity (c) p2 = Neg (p) s = Identity (p) }}> {SIZES} }}""",
    "a loop in a branch": f"""g ({INPUTS}) => (int64[2] z) <float[3] r> {{
        {RESHAPE} ["/a/If"] l = If (w) <
          then_branch = t () => (float[i,j] o) {{ {loop(out="o")} }},
          else_branch = e () => (float[i,j] o2)
          {{ o1 = Constant <value = float[1,1] {{0}}> () o2 = Neg (o1) }}>
        {SIZES} }}""",
    "a loop in a loop": f"""g ({INPUTS}) => (int64[2] z) <float[3] r> {{
        {RESHAPE} ["/a/Outer"] l0, l = Loop (one, "", d) <body = b (int64 i0, bool c0, float[p,q] d0)
          => (bool c1, float[p,q] d1, float[u,v] o2) {{ c1 = Identity (c0) {loop(out="o")} d1 = Identity (o)
             ze = Constant <value_ints = [0]> () o2 = Unsqueeze (r, ze) }}>
        ["/a/Shape"] t = Shape (l0) ["/Identity"] z = Identity (t) }}""".replace(
        "<float[3] r>", "<float[3] r, int64 one = {1}, float[1,1] d = {0}>"
    ),
    "a loop in a function of others": f"""g ({INPUTS}) => (int64[2] z) <float[3] r> {{
        {RESHAPE} ["/a/call"] l = mine.f (M, r) {SIZES} }}
        <domain: "mine", opset_import: ["" : 17]> f (M, r) => (l) {{ {loop()} }}""",
    "the rank that a scan needs": f"""g ({INPUTS}) => (float[i,j] z) <float[3] r> {{
        ["/a/Reshape"] r = Reshape (x, shp)
        ["/a/Scan"] l = Scan <num_scan_inputs: int = 1,
          body = b (float[] e) => (float[] s) {{ s = Mul (r, e) }}> (x)
        ["/a/Neg"] z = Neg (l) }}""".replace("int64[1] shp", "int64[k] shp"),
    "several values, one after the other": f"""g ({INPUTS}) => (int64[2] z)
        <float[3] p, float[m] q, float[3] r> {{
        ["/a/Abs"] o = Abs (x) ["/a/Reshape"] p = Reshape (o, shp) ["/a/in/Neg"] q = Neg (p)
        ["/a/in/Abs"] q1 = Abs (q) ["/a/Neg"] r = Neg (q1) {loop()} {SIZES} }}""",
    "inference finds as much": f"""g (int64 M, float[3] x) => (int64[2] z) <float[3] r> {{
        ["/a/Abs"] r = Abs (x) {loop()} {SIZES} }}""",
    "a name for a size says nothing": f"""g (int64 M, float[m] x) => (int64[2] z) <float[m] r> {{
        ["/a/Abs"] r = Abs (x) {loop()} {SIZES} }}""",
}

UNTOUCHED = {
    "nothing is stated": f"g ({INPUTS}) => (int64[2] z) {{ {RESHAPE} {loop()} {SIZES} }}",
    "the body declares it": f"""g ({INPUTS}) => (int64[2] z) <float[3] r> {{
        {RESHAPE} {loop("float[3]")} {SIZES} }}""",
    "all is carried": f"""g ({INPUTS}) => (float[k] z) <float[3] r> {{
        {RESHAPE} ["/a/Loop"] z = Loop (M, "", r) <body = b (int64 it, bool c, float[k] p)
          => (bool c2, float[k] p2) {{ c2 = Identity (c) p2 = Neg (p) }}> }}""",
    "it is stated elsewhere": f"""g ({INPUTS}) => (int64[2] z, float[3] y) <float[3] q> {{
        {RESHAPE} {loop()} {SIZES} ["/b/Abs"] p = Abs (x)
        ["/b/Reshape"] q = Reshape (p, shp) ["/b/Neg"] y = Neg (q) }}""",
}

MODES = pytest.mark.parametrize("mode", ["call", "shared"])


def parsed(text: str) -> onnx.ModelProto:
    made: onnx.ModelProto = onnx.parser.parse_model(HEAD.replace("17]", '17, "mine" : 1]') + text)
    return made


def results(model: onnx.ModelProto, rounds: int) -> list[Any]:
    """What it gives, optimised and not."""
    found = []
    feeds = {"M": np.array(rounds), "x": np.ones(3, np.float32), "shp": np.array([3]), "w": np.array(True)}
    for level in ("ORT_DISABLE_ALL", "ORT_ENABLE_ALL"):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        inputs = {each.name: feeds[each.name] for each in session.get_inputs()}
        found.append([array.tolist() for array in session.run(None, inputs)])
    return found


@pytest.mark.parametrize("name", STATED)
@MODES
def test_results_stay_though_types_are_stated(name: str, mode: FunctionsWord) -> None:
    source = parsed(STATED[name])
    report = rewriter.rewrite(source, functions=mode, numbers=False)
    made = report.analysis.model
    assert made.functions
    for rounds in (0, 1, 2):
        assert results(made, rounds) == results(source, rounds)
    assert Reason.STATED_TYPE in {refusal.reason for refusal in report.refusals}
    assert any("a shape for every output of its body" in str(refusal) for refusal in report.refusals)


@pytest.mark.parametrize("name", UNTOUCHED)
@MODES
def test_a_loop_moves_where_nothing_hangs_on_it(name: str, mode: FunctionsWord) -> None:
    source = parsed(UNTOUCHED[name])
    report = rewriter.rewrite(source, functions=mode, numbers=False)
    for rounds in (0, 1):
        assert results(report.analysis.model, rounds) == results(source, rounds)
    assert not report.refusals
    assert "Loop" not in {node.op_type for node in report.analysis.model.graph.node}


@pytest.mark.parametrize("name", STATED)
def test_flatten_gives_the_loop_and_its_types_back(name: str) -> None:
    flat = rewriter.rewrite(parsed(STATED[name]), passes=(Annotate(),), numbers=False).analysis.model
    grouped = rewriter.rewrite(flat, functions="call", numbers=False).analysis.model
    again = rewriter.rewrite(grouped, passes=(Flatten(),), numbers=False).analysis.model
    assert list(again.graph.node) == list(flat.graph.node)
    assert sorted(map(str, again.graph.value_info)) == sorted(map(str, flat.graph.value_info))


def test_the_proof_runs_loops_that_never_run() -> None:
    """Both runs of a grouping that lost the type differ in this alone."""
    report = rewriter.rewrite(parsed(STATED["what the body captures"]), functions="call")
    assert report.verification.numeric is not None
    assert (report.verification.numeric.exact, report.verification.numeric.runs) == (True, 6)
