"""The modules to keep in float32."""

from __future__ import annotations

import io

import numpy as np
import pytest
from onnx import parser
from rich.console import Console

import rewriter
from rewriter.errors import UsageError
from rewriter.insight.half_precision.module_precision import Precision
from rewriter.views.json.numbers.precision import precision_json
from rewriter.views.name_formats import names_as
from rewriter.views.text.numbers.precision import print_precision
from tests.build import HEAD, model

NORM = """g (float[1,4] x) => (float[1,4] y)
<float[4,4] "a.weight" = {SCALE,0,0,0, 0,SCALE,0,0, 0,0,SCALE,0, 0,0,0,SCALE},
 float[4,4] "b.weight" = {1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1}> {
  ["/a/MatMul"] h = MatMul(x, "a.weight")
  ["/norm/Mul"] s = Mul(h, h)
  ["/norm/ReduceMean"] m = ReduceMean<keepdims = 1>(s)
  ["/norm/Sqrt"] r = Sqrt(m)
  ["/norm/Div"] k = Div(h, r)
  ["/b/MatMul"] y = MatMul(k, "b.weight")
}"""
X = {"x": np.array([[1.0, -2.0, 3.0, 0.5]], np.float32)}


def precision(text: str, **options: object) -> Precision:
    return rewriter.precision(model(text), inputs=X, **options)  # type: ignore[arg-type]


def norm(scale: float) -> str:
    return NORM.replace("SCALE", str(scale))


def said(found: Precision, *, everything: bool = False) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_precision(found, console, everything=everything)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_module_that_leaves_the_range_has_to_stay() -> None:
    """The squares of a few hundred are beyond fp16, those of a few numbers are not."""
    found = precision(norm(200))
    assert list(map(str, found.kept)) == ["norm"]
    by_path = {str(module.path): module for module in found.modules}
    assert by_path["norm"].overflows
    assert by_path["norm"].worst == "s"
    assert by_path["norm"].range.largest == 360_000
    assert by_path["norm"].error == pytest.approx(1, abs=0.5)
    assert found.fits
    assert found.error > 0.5
    assert found.error_kept is not None
    assert found.error_kept < 1e-3
    assert said(found).startswith("✓ keep 1 module of 3 in fp32: outputs are off by")
    assert found.names().names == ("/norm/Mul", "/norm/ReduceMean", "/norm/Sqrt", "/norm/Div")
    assert '"node_block_list"' in names_as(found.names(), "ort-fp16")


def test_a_model_within_the_range_keeps_nothing() -> None:
    found = precision(norm(1))
    assert found.kept == ()
    assert found.error_kept is None
    assert found.fits
    assert "no module needs fp32: with all in fp16, outputs are off by" in said(found)
    assert "keep" in said(found)
    assert precision(norm(200), to="bf16").kept == ()


def test_modules_with_large_errors_stay_until_the_outputs_fit() -> None:
    found = precision(norm(1.0002), tolerance=1e-5)
    assert found.fits
    assert found.kept
    assert not any(module.overflows for module in found.modules)
    assert {module["reason"] for module in precision_json(found)["modules"] if module["kept"]} == {"error"}
    with_all = precision(norm(1.0002), tolerance=0.0)
    assert with_all.fits == (with_all.error_kept == 0)


def test_what_is_not_rounded_is_counted() -> None:
    text = """g (float[4] x, bool on) => (float[4] y) {
      ["/a/Neg"] a = Neg(x)
      ["/If"] y = If(on) <then_branch = t () => (b) { ["/c/Abs"] b = Abs(a) },
                          else_branch = e () => (d) { ["/c/Exp"] d = Exp(a) }>
    }"""
    found = rewriter.precision(model(text))
    assert found.fixed == 3
    assert "with all but 3 nodes in fp16" in said(found)
    assert "3 nodes in or with graph bodies, or in functions, are not rounded" in said(found)
    called = """g (float[2] x) => (float[2] y) { ["/pre/Neg"] a = Neg(x) ["/f"] y = m.f(a) }
    <domain: "m", opset_import: ["" : 17]> f (a) => (b) { ["/enc/Abs"] b = Abs(a) }"""
    assert rewriter.precision(parser.parse_model(HEAD.replace("17]", '17, "m": 1]') + called)).fixed == 1


def test_a_model_in_half_precision_is_refused() -> None:
    with pytest.raises(UsageError, match=r"reads or writes numbers in float32$"):
        rewriter.precision(model("g (float16[2] x) => (float16[2] y) { y = Neg(x) }"))


def test_a_model_that_does_not_run_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"Nonsense.*--inputs runs the model on your own arrays"):
        rewriter.precision(model("g (float[2] x) => (float[2] y) { y = Nonsense(x) }"))
