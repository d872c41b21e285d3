"""Names and entries that nobody writes in good faith: rewritten like any other, twice alike."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from rewriter import pipeline
from rewriter.passes.registry.presets import standard_passes

OPTIONS = pipeline.Options(passes=standard_passes(restore_names=True), numbers=False)
DEEP = ".".join(["a"] * 30_000)


def model(
    name: str = "n",
    weight: str = "w",
    node: dict[str, str] | None = None,
    whole: dict[str, str] | None = None,
) -> bytes:
    proto = helper.make_model(
        helper.make_graph(
            [helper.make_node("Add", ["x", weight], ["y"], name=name)],
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
            [helper.make_tensor(weight, TensorProto.FLOAT, [2], [1.0, 2.0])],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=10,
    )
    for owner, entries in ((proto, whole), (proto.graph.node[0], node)):
        for key, value in (entries or {}).items():
            owner.metadata_props.add(key=key, value=value)
    return proto.SerializeToString()


def tree(content: str) -> bytes:
    return model(node={"rewriter.module": "a"}, whole={"rewriter.tree": content})


NOT_UTF8 = (b"abcdef", b"ab\xff\xfeef")

CASES: dict[str, tuple[bytes, str | None]] = {
    "deep parameter": (model(weight=f"{DEEP}.weight"), None),
    "deep scope": (model(name=f"/{DEEP.replace('.', '/')}/Add"), None),
    "deep tag": (model(node={"rewriter.module": DEEP}), None),
    "deep tree": (tree(f'{{"modules":[["{DEEP}","C",0]]}}'), "a"),
    "nested tree": (tree("[" * 100_000), "a"),
    "tree of other types": (tree('{"modules":[["a",5,0],[["b"],"C",1],[null,"C",0],["c","D",0]]}'), "a"),
    "tree of other shape": (tree('{"modules":[{"a":1},7]}'), "a"),
    "nested list": (model(node={"pkg.torch.onnx.name_scopes": "[" * 5000 + ", 'x']"}), None),
    "empty atoms": (model(node={"rewriter.module": "..a..b."}), None),
    "slashes": (model(name="///Add"), ""),
    "inner slashes": (model(name="/a//b/Add"), "a.b"),
    "slash": (model(name="/"), ""),
    "colons": (model(name="a::/b::/Add"), ""),
    "dot": (model(name="./Add"), ""),
    "counter alone": (model(name="/_1/Add"), "_1"),
    "call": (model(node={"rewriter.module": "a", "rewriter.call": "9" * 30}), "a"),
    "digits that are none": (model(node={"rewriter.module": "a", "rewriter.call": "²"}), "a"),
    "namespace": (model(node={"namespace": ": /: "}), ""),
    "tag": (model(node={"winml.hierarchy.tag": "///"}), ""),
    "control characters": (model(name="/a\0b\x1b[31m\u202e/Add"), "a\0b\x1b[31m\u202e"),
    "name not UTF-8": (model(name="/abcdef/Add").replace(*NOT_UTF8), None),
    "weight not UTF-8": (model(weight="abcdef.weight").replace(*NOT_UTF8), None),
    "value of an entry not UTF-8": (model(node={"rewriter.module": "abcdef"}).replace(*NOT_UTF8), None),
    "key of an entry not UTF-8": (model(node={"abcdef": "x"}).replace(*NOT_UTF8), None),
}


@pytest.mark.parametrize("name", CASES)
def test_hostile_names(name: str, tmp_path: Path) -> None:
    source, expected = CASES[name]
    report = pipeline.rewrite(source, tmp_path / "once.onnx", OPTIONS)
    (place,) = report.analysis.tree.placements
    assert (place.module if place else None) == expected
    assert report.verification.certificate.equal
    json.loads((tmp_path / "once.modules.json").read_text())
    pipeline.rewrite(tmp_path / "once.onnx", tmp_path / "twice.onnx", OPTIONS)
    assert (tmp_path / "once.onnx").read_bytes() == (tmp_path / "twice.onnx").read_bytes()
    for proto in onnx.load(tmp_path / "once.onnx").graph.node:
        assert [*proto.input][:1] == ["x"]
