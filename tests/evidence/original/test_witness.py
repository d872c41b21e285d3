"""The tree of an original is carried over to a file that a tool made from it."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import onnxruntime as ort
import pytest
from onnxruntime.quantization import QuantType, quantize_dynamic

import rewriter
from rewriter.modules.module_tree import ModuleTree
from tests.cli.running import heard
from tests.exports import EXPORTS


def parse(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(text)


ORIGINAL = """<ir_version: 10, opset_import: ["" : 20]>
g (float[2,4] x) => (float[2,4] y)
<float[4,4] "a.fc.weight" = {1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1}, float[4] "a.fc.bias" = {1,2,3,4}>
{
  ["/a/fc/MatMul"] m = MatMul(x, "a.fc.weight")
  ["/a/fc/Add"] s = Add(m, "a.fc.bias")
  ["/a/act/Relu"] r = Relu(s)
  ["/b/Neg"] y = Neg(r)
}"""


def places(tree: ModuleTree) -> list[str | None]:
    return [str(placement.module) if placement else None for placement in tree.placements]


def test_fused_nodes_stand_where_what_they_replace_has_in_common() -> None:
    fused = parse("""<ir_version: 10, opset_import: ["" : 20, "com.microsoft" : 1]>
    g (float[2,4] x) => (float[2,4] y)
    <float[4,4] "a.fc.weight" = {1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1}, float[4] "a.fc.bias" = {1,2,3,4}>
    { [f] r = com.microsoft.FusedGemm(x, "a.fc.weight", "a.fc.bias") [n] y = Neg(r) }""")
    assert places(rewriter.tree(fused, like=parse(ORIGINAL))) == ["a", "b"]


def test_a_folded_norm_does_not_move_the_product() -> None:
    original = parse("""<ir_version: 10, opset_import: ["" : 20]>
    g (float[1,2,3,3] x) => (float[1,2,3,3] y)
    <float[2,2,1,1] "a.conv.weight" = {1,2,3,4}, float[2] "s" = {1,2}, float[2] "b" = {1,2}> {
      ["/a/conv/Conv"] c = Conv(x, "a.conv.weight")
      ["/a/bn/BatchNormalization"] n = BatchNormalization(c, s, b, b, s)
      ["/a/act/Relu"] y = Relu(n)
    }""")
    folded = parse("""<ir_version: 10, opset_import: ["" : 20]>
    g (float[1,2,3,3] x) => (float[1,2,3,3] y) <float[2,2,1,1] n_weight = {1,4,6,8}, float[2] n_bias = {1,2}>
    { [new] n = Conv(x, n_weight, n_bias) [other] y = Relu(n) }""")
    tree = rewriter.load(folded, like=original, force=True).tree
    assert places(tree) == ["a.conv", "a.act"]
    assert tree["a.bn"].folded_into == ("a.conv",)


def test_what_was_put_between_goes_with_what_it_serves() -> None:
    cast = parse(
        """<ir_version: 10, opset_import: ["" : 20]>
    g (float[2,4] x) => (float[2,4] y)
    <float[4,4] "a.fc.weight" = {1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1}, float[4] "a.fc.bias" = {1,2,3,4}>
    {
      [c0] t0 = Reshape(x, shape0)
      [c1] t1 = Gemm(t0, "a.fc.weight", "a.fc.bias")
      [c2] s = Reshape(t1, shape0)
      [q] r = Relu(s)
      [n] y = Neg(r)
    }""".replace("shape0", '"k"').replace("<float[4,4]", '<int64[2] "k" = {2,4}, float[4,4]')
    )
    assert places(rewriter.tree(cast, like=parse(ORIGINAL))) == ["a.fc", "a.fc", "a.fc", "a.act", "b"]


def test_a_new_node_is_inferred_if_it_replaces_nodes_of_one_module() -> None:
    weights = """<float[4,4] "a.fc.weight" = {1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1},
        float[4] "a.fc.bias" = {1,2,3,4}>"""
    head = '<ir_version: 10, opset_import: ["" : 20, "com.microsoft" : 1]> g (float[2,4] x) => (float[2,4] y)'
    product = '[g] s = Gemm(x, "a.fc.weight", "a.fc.bias") [r] r = Relu(s)'
    fused = '[f] r = com.microsoft.FusedGemm(x, "a.fc.weight", "a.fc.bias")'
    for made, told in ((product, "inferred"), (fused, "guessed")):
        text = f"{head} {weights} {{ {made} [n] y = Neg(r) }}"
        found = rewriter.tree(parse(text), like=parse(ORIGINAL)).placements
        assert [place.certainty for place in found if place] == [told, *["named"] * (len(found) - 1)]


def test_a_guess_in_the_original_is_a_guess_in_its_copy(tmp_path: Path) -> None:
    text = """<ir_version: 10, opset_import: ["" : 20]> g (float[4] x) => (float[4] y)
        { ["/a/Neg"] u = Neg(x) [n] v = Abs(u) ["/b/Neg"] y = Neg(v) }"""
    rewriter.rewrite(parse(text), tmp_path / "m.onnx", numbers=False)
    for like in (parse(text), tmp_path / "m.modules.json"):
        found = rewriter.tree(parse(text), like=like).placements
        assert [place.certainty for place in found if place] == ["named", "guessed", "named"]


def test_a_node_of_the_same_name_but_another_operator_is_not_the_same() -> None:
    other = parse(ORIGINAL.replace("y = Neg(r)", "y = Abs(r)").replace('"/b/Neg"', '"/a/act/Relu"'))
    assert places(rewriter.tree(other, like=parse(ORIGINAL)))[-1] == "b"


def test_an_operator_of_another_domain_is_not_the_same() -> None:
    text = ORIGINAL.replace('["" : 20]', '["" : 20, "mine" : 1]').replace('"/b/Neg"', '"/a/act/Relu"')
    other = parse(text.replace("y = Neg(r)", "y = mine.Relu(r)"))
    assert places(rewriter.tree(other, like=parse(ORIGINAL)))[-1] == "b"


def optimised(source: Path, target: Path) -> Path:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 4
    ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    return target


@pytest.mark.parametrize("variant", ["ts", "dy"])
def test_optimised_and_quantised_files_keep_their_modules(tmp_path: Path, variant: str) -> None:
    source = EXPORTS / "bert" / f"{variant}.onnx"
    known = rewriter.tree(source)
    made = {"optimised": optimised(source, tmp_path / "optimised.onnx")}
    quantize_dynamic(source, tmp_path / "quantised.onnx", weight_type=QuantType.QInt8)
    made["quantised"] = tmp_path / "quantised.onnx"
    for name, file in made.items():
        found = rewriter.tree(file, like=source)
        assert (found.unplaced, found.coverage > 0.9) == (0, True), name
        assert {p.module for p in found.placements if p} <= {module.path for module in known}, name
        assert {"like"} == set(found.by_source), name
        classes = {module.path: module.class_name for module in known}
        assert all(module.class_name == classes[module.path] for module in found), name


def test_a_sidecar_serves_for_the_original(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = EXPORTS / "bert" / "dy.onnx"
    rewriter.rewrite(source, tmp_path / "bert.onnx", numbers=False)
    made = optimised(source, tmp_path / "made.onnx")
    by_sidecar = rewriter.tree(made, like=tmp_path / "bert.modules.json")
    by_model = rewriter.tree(made, like=source)
    agreeing = sum(
        a is not None and b is not None and a.module == b.module
        for a, b in zip(by_sidecar.placements, by_model.placements, strict=True)
    )
    assert agreeing / len(by_model.placements) > 0.9
    code, out, _ = heard(capsys, "tree", made, "--like", tmp_path / "bert.modules.json", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["placement"]["by_source"]["like"] > 0.8 * document["placement"]["nodes"]


def test_rewriting_writes_the_tree_of_the_original(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = EXPORTS / "bert" / "dy.onnx"
    made = optimised(source, tmp_path / "made.onnx")
    code, _, err = heard(capsys, "rewrite", made, "-o", tmp_path / "out.onnx", "--like", source)
    assert (code, err) == (0, "")
    assert places(rewriter.tree(tmp_path / "out.onnx")) == places(rewriter.tree(made, like=source))


def test_an_original_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "no.json").write_text("{}")
    code, _, err = heard(capsys, "tree", EXPORTS / "bert" / "dy.onnx", "--like", tmp_path / "no.json")
    assert code == 3
    assert str(tmp_path / "no.json") in err
