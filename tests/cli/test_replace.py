"""Replace from the command line."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from tests.build import model
from tests.cli.running import heard


@pytest.fixture
def source(tmp_path: Path) -> Path:
    proto = model(
        """g (float[2] x) => (float[2] y) {
          ["/l.0/Relu"] a = Relu (x) ["/l.0/Neg"] b = Neg (a)
          ["/l.1/Relu"] c = Relu (b) ["/l.1/Neg"] d = Neg (c)
          ["/m/Exp"] e = Exp (d) ["/m/Abs"] y = Abs (e)
        }"""
    )
    path = tmp_path / "m.onnx"
    onnx.save(proto, path)
    return path


def test_in_words(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "o.onnx"
    words = ("replace", source, "l.*", "--with", "my.domain:Fused", "-o", out, "--no-numbers")
    code, said, _ = heard(capsys, *words)
    assert code == 0
    assert "2 modules by 2 nodes of my.domain:Fused · body of 2 nodes" in said
    assert said.startswith("m.onnx · unknown producer · opset 17 · 6 nodes")
    assert "certificate: equal at 1 of 1 output" in said
    assert "runs " not in said
    assert [node.op_type for node in onnx.load(out).graph.node] == ["Fused", "Fused", "Exp", "Abs"]


@pytest.mark.parametrize(
    ("words", "code", "fault"),
    [
        (("l.*",), 2, "missing option '--with'"),
        (("--with", "a:B"), 2, "missing modules: name one"),
        (("l.7", "--with", "a:B"), 2, "no module fits 'l.7'; nearest: l.1, l.0"),
        (("l", "--with", "a:B"), 2, "l is never called, so no node can replace it; its parts are l.*"),
        (("l.*", "--with", "Fused"), 2, "'Fused' names no operator; write DOMAIN:NAME"),
        (("l.*", "--with", "a:Relu"), 2, "Relu is an operator of ai.onnx"),
        (
            ("l.*", "m", "--with", "a:B"),
            3,
            "m: other operator than l.0 (node /m/Exp, Exp, there /l.0/Relu, Relu)",
        ),
        (("l.*", "--with", "a:B", "--rtol", "1", "--tolerance", "1"), 2, "excludes rtol and atol"),
    ],
)
def test_wrong_use(
    words: tuple[str, ...],
    code: int,
    fault: str,
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "o.onnx"
    found, _, err = heard(capsys, "replace", source, *words, "-o", out)
    assert (found, err.count("\n")) == (code, 1)
    assert fault.lower() in err.lower()
    assert not out.exists()
