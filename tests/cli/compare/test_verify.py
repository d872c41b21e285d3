"""The three verdicts of `rewriter verify`, word by word, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import parser

from tests.cli.running import heard, run

HEADER = '<ir_version: 8, opset_import: ["" : 17]> '
MODEL = HEADER + "g (float[n, 2] x) => (float[n, 2] y) <float[2] w = {1, 2}> { y = Mul(x, w) }"
PAIR = HEADER + "g (float[2] a, float[2] b) => (float[2] y, float[2] z) { y = Sub (a, b) z = Mul (a, b) }"
SUM = HEADER + "g (float[n, 2] x, float[n, 2] z) => (float[n, 2] y) { y = Add(x, z) }"

QUOTIENT = SUM.replace("Add", "Div")
RECIPROCAL = SUM.replace("y = Add(x, z)", "r = Reciprocal(z) y = Mul(x, r)")


def file_of(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    onnx.save(parser.parse_model(text), path)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    return tmp_path


def told(
    folder: Path, capsys: pytest.CaptureFixture[str], before: str, after: str, *words: str
) -> tuple[int, str]:
    """The exit code and the line of two models."""
    pair = file_of(folder, "a.onnx", before), file_of(folder, "b.onnx", after)
    code, out, err = heard(capsys, "verify", *pair, *words)
    assert not err
    return code, " ".join(out.split())


CASES: dict[str, tuple[str, str, tuple[str, ...], int, str]] = {
    "one model": (
        MODEL,
        MODEL,
        (),
        0,
        "✓ equal · all that a runtime executes is the same, byte for byte · numbers not needed: both runs "
        "would be of one model; --numbers runs them",
    ),
    "one model, run": (MODEL, MODEL, ("--numbers",), 0, "onnxruntime: 3 runs, bit for bit the same"),
    "an Identity": (
        MODEL,
        MODEL.replace("y = Mul(x, w)", "v = Identity(w) y = Mul(x, v)"),
        (),
        0,
        "✓ equal · certificate: equal at 1 of 1 output · onnxruntime: 3 runs, bit for bit the same",
    ),
    "a law that keeps bits": (
        SUM,
        SUM.replace("Add(x, z)", "Add(z, x)"),
        (),
        0,
        "✓ equal · laws: equal at all outputs, bit for bit, by commutativity · onnxruntime: 3 runs, bit for",
    ),
    "a law that rounds, not asked for": (
        QUOTIENT,
        RECIPROCAL,
        (),
        5,
        "? not proved · laws: not proved at node 'y' (Div); laws that round were not tried (--laws rounding)",
    ),
    "a law that rounds": (
        QUOTIENT,
        RECIPROCAL,
        ("--laws", "rounding"),
        0,
        "✓ equal up to rounding · laws: equal at all outputs up to rounding; each use rounds by at most: "
        "reciprocals by 3u of the result (u: half an ulp of 1; K: products in a sum)",
    ),
    "the same numbers without a proof": (
        SUM,
        SUM.replace("Add(x, z)", "Add(z, x)"),
        ("--laws", "none"),
        5,
        "? not proved · certificate: output 'y' is computed otherwise, first at node 'y' (Add) · "
        "onnxruntime: 3 runs, bit for bit the same",
    ),
    "the same numbers within a tolerance": (
        SUM,
        SUM.replace("Add(x, z)", "Add(z, x)"),
        ("--tolerance", "0", "--laws", "none"),
        0,
        "? not proved · certificate: output 'y' is computed otherwise",
    ),
    "rounding": (MODEL, MODEL.replace("{1, 2}", "{1, 2.00001}"), (), 5, "? not proved"),
    "rounding, named": (MODEL, MODEL.replace("{1, 2}", "{1, 2.00001}"), (), 5, ": rounding is possible"),
    "within": (
        MODEL,
        MODEL.replace("{1, 2}", "{1, 2.01}"),
        ("--tolerance", "0.01"),
        0,
        "within --tolerance 0.01: off by up to",
    ),
    "beyond": (
        MODEL,
        MODEL.replace("{1, 2}", "{1, 2.01}"),
        ("--tolerance", "1e-3"),
        1,
        "beyond --tolerance 0.001: off by up to",
    ),
    "beyond, though rounding": (
        MODEL,
        MODEL.replace("{1, 2}", "{1, 2.00001}"),
        ("--tolerance", "1e-9"),
        1,
        "✗ different",
    ),
    "allclose": (
        MODEL,
        MODEL.replace("{1, 2}", "{1, 2.01}"),
        ("--rtol", "0.01", "--atol", "0"),
        0,
        "within --rtol 0.01 --atol 0",
    ),
    "not allclose": (MODEL, MODEL.replace("{1, 2}", "{1, 2.01}"), ("--rtol", "1e-3"), 1, "--atol 1e-08"),
    "another weight": (MODEL, MODEL.replace("{1, 2}", "{1, 3}"), (), 1, "at output 'y' (input set "),
    "no numbers": (
        SUM,
        SUM.replace("Add(x, z)", "Add(z, x)"),
        ("--no-numbers", "--laws", "none"),
        5,
        "numbers not asked for",
    ),
    "more inputs": (
        MODEL,
        SUM,
        (),
        1,
        "✗ different · interface: one model has 1 inputs, the other 2 · numbers not taken: their",
    ),
    "another element type": (
        MODEL,
        MODEL.replace("float", "double"),
        (),
        1,
        "input 'x' is float n x 2, in the other model double n x 2",
    ),
    "names of the interface": (
        SUM,
        SUM.replace(" x", " a").replace("(x", "(a").replace(" z", " b").replace(" y", " c"),
        (),
        0,
        "✓ equal · certificate: equal at 1 of 1 output · onnxruntime: 3 runs, bit for bit the same · "
        "inputs have different names ('x', 'a') and are matched by position · outputs have different names "
        "('y', 'c') and are matched by position",
    ),
    "inputs in another order": (
        PAIR,
        PAIR.replace("float[2] a, float[2] b", "float[2] b, float[2] a"),
        (),
        5,
        "? not proved · interface: input 'a' stands where 'b' does in the other model · onnxruntime: 3 runs, "
        "bit for bit the same",
    ),
    "inputs in another order, and read otherwise": (
        PAIR,
        PAIR.replace("float[2] a, float[2] b", "float[2] b, float[2] a").replace("Sub (a, b)", "Sub (b, a)"),
        ("--no-numbers",),
        5,
        "interface: input 'a' stands where 'b' does in the other model",
    ),
    "an input at another place, among other names": (
        PAIR,
        PAIR.replace(" b", " c").replace(", b", ", c").replace(" a", " b").replace("(a", "(b"),
        ("--no-numbers",),
        5,
        "? not proved · interface: input 'a' stands where 'b' does in the other model",
    ),
    "an output at another place, among other names": (
        PAIR,
        PAIR.replace(" z", " w").replace(" y", " z"),
        (),
        1,
        "output 'z'",
    ),
    "outputs in another order": (
        PAIR,
        PAIR.replace("float[2] y, float[2] z", "float[2] z, float[2] y"),
        (),
        5,
        "interface: output 'y' stands where 'z' does in the other model · onnxruntime: 3 runs, bit for bit "
        "the same",
    ),
    "static and dynamic": (
        MODEL,
        MODEL.replace("float[n, 2]", "float[3, 2]"),
        (),
        5,
        "? not proved · interface: input 'x' is float n x 2, in the other model float 3 x 2 · "
        "onnxruntime: 3 runs, bit for bit the same",
    ),
    "a second model that does not run": (
        MODEL,
        MODEL.replace("y = Mul(x, w)", "u = Mul(x, w) s = Constant<value_ints = [7, 2]>() y = Reshape(u, s)"),
        (),
        5,
        "numbers not taken: the second model does not run: ",
    ),
    "a first model that does not run": (
        MODEL.replace("Mul(x, w)", "Reshape(x, w)"),
        MODEL.replace("y = Mul(x, w)", "v = Identity(w) y = Reshape(x, v)"),
        (),
        0,
        "✓ equal · certificate: equal at 1 of 1 output · numbers not taken: the first model does not run: ",
    ),
    "a first model that does not run, demanded": (
        MODEL.replace("Mul(x, w)", "Reshape(x, w)"),
        MODEL.replace("y = Mul(x, w)", "v = Identity(w) y = Reshape(x, v)"),
        ("--numbers",),
        5,
        "? equal · certificate: equal at 1 of 1 output · numbers not taken: the first model does not run: ",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_verdict_exit_code_and_words(
    case: tuple[str, str, tuple[str, ...], int, str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after, words, code, phrase = case
    found = told(folder, capsys, before, after, *words)
    assert found[0] == code, found[1]
    assert phrase in found[1]


def test_json_says_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for before, after, words, code, _ in CASES.values():
        found, out = told(folder, capsys, before, after, *words, "--json")
        document: dict[str, Any] = json.loads(out)["verification"]
        assert (found, document["accepted"]) == (code, code == 0)
        if not words:
            assert code == {"equal": 0, "not proved": 5, "different": 1}[document["verdict"]]
        assert (document["reason"] is None) == (document["verdict"].startswith("equal") and code == 0)


def test_a_difference_is_one_that_the_inputs_show(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The output, the place and the size are those of the two models on these inputs."""
    after = MODEL.replace("{1, 2}", "{1, 3}")
    arrays: dict[str, Any] = {"x": np.array([[1.0, 0.5], [2.0, -4.0]], np.float32)}
    np.savez(folder / "x.npz", **arrays)
    code, line = told(folder, capsys, MODEL, after, "--inputs", "x.npz")
    assert code == 1
    results = [
        onnxruntime.InferenceSession(folder / name).run(None, arrays)[0] for name in ("a.onnx", "b.onnx")
    ]
    far = np.abs(results[0] - results[1])
    assert far.max() == far[1, 1] == 4.0
    assert "off by up to 4, 0.5 of the largest value, at output 'y' (input set 0: y[1, 1])" in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--tolerance", "0.1", "--rtol", "0.1"), "excludes rtol and atol"),
        (("--tolerance", "0.1", "--atol", "0.1"), "excludes rtol and atol"),
        (("--tolerance", "0.1", "--no-numbers"), "a tolerance is one of numbers"),
        (("--tolerance", "-1"), "tolerance"),
        (("--rtol", "nan"), "rtol"),
    ],
)
def test_tolerances_that_make_no_sense(
    words: tuple[str, ...], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file_of(folder, "a.onnx", MODEL)
    code, _, err = heard(capsys, "verify", path, path, *words)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err


def test_other_bits_of_zero_are_not_equal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = HEADER + "g (float[2] x) => (float[2] y) { z = Sub(x, x) y = Identity(z) }"
    code, line = told(folder, capsys, before, before.replace("Identity", "Neg"))
    assert (code, "bits differ by up to 0, 0 of the largest value," in line) == (5, True)


def test_integers_are_not_rounded(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = HEADER + "g (int64[2] x) => (int64[2] y) <int64[2] w = {1000000, 1}> { y = Add(x, w) }"
    assert told(folder, capsys, before, before.replace("1000000, 1", "1000000, 2"))[0] == 1


def test_a_model_that_crashes_onnxruntime_computes_no_other_numbers(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(task: str, place: Path, timeout: float) -> int:
        (place / "stage").write_text("second", encoding="utf-8")
        return -11

    monkeypatch.setattr("rewriter.runtime.child.call.in_child", crash)
    code, line = told(folder, capsys, MODEL, CASES["an Identity"][1])
    assert code == 5
    assert "? not proved" in line
    assert "numbers not taken: the second model crashed onnxruntime (signal 11, SIGSEGV)" in line


def test_a_verification_has_no_truth_value() -> None:
    import rewriter

    found = rewriter.verify(parser.parse_model(MODEL), parser.parse_model(MODEL))
    assert found.verdict is rewriter.Verdict.EQUAL
    with pytest.raises(TypeError, match="no truth value"):
        assert found


def test_a_refused_file_is_not_unequal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = file_of(folder, "a.onnx", MODEL)
    (folder / "broken.onnx").write_bytes(b"\x00\x01\x02")
    assert run("verify", path, folder / "broken.onnx") == 3
    assert "equal" not in capsys.readouterr().err
