from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import pytest
from onnx import TensorProto

import rewriter
from rewriter import pipeline
from rewriter.cutting.check import Checking, check
from rewriter.cutting.extract import Extraction, Target, extract, plan_extractions
from rewriter.errors import CannotCut, NotProved, RewriterError, UnreadableModel, UsageError
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.storage.external_data import bytes_of, external_locations, tensors_of
from rewriter.paths import ModulePath
from rewriter.proof.certificate import certify
from rewriter.verdict.verification import Verdict
from rewriter.views.json.cutting import value_json
from rewriter.views.text.cutting import typed
from tests.build import chain, model
from tests.exports import EXPORTS

LAYERS = """
g (float[N, 2] x) => (float[N, 2] y)
<float[2, 2] "l.0.weight" = {1.0, 2.0, 3.0, 4.0}, float[2, 2] "l.1.weight" = {0.5, 0.0, 0.0, 2.0}>
{
  ["/l.0/two"] two = Constant <value = float {2.0}> ()
  ["/l.0/MatMul"] a = MatMul (x, "l.0.weight")
  ["/l.0/Mul"] b = Mul (a, two)
  ["/size/Shape"] size = Shape (x)
  ["/l.1/MatMul"] c = MatMul (b, "l.1.weight")
  ["/l.1/Mul"] d = Mul (c, two)
  ["/l.1/Reshape"] y = Reshape (d, size)
}
"""
NUMBERS_ONCE = Checking(sets=1)


def taken(source: Any, *modules: str, call: int | None = None, how: Checking = NUMBERS_ONCE) -> Extraction:
    found = extract(pipeline.load(source), modules, call=call, checking=how)
    assert found.check is not None
    assert found.check.fault is None
    return found


def planned(source: Any, *modules: str, call: int | None = None) -> Extraction:
    """The same without a check, which takes a process."""
    wanted = Target(tuple(map(ModulePath, modules)), call)
    found = plan_extractions(pipeline.load(source), [wanted], NUMBERS_ONCE).found[wanted]
    if isinstance(found, RewriterError):
        raise found
    return found


def operators(found: Extraction) -> list[str]:
    return [node.op_type for node in found.model.graph.node]


def shapes(infos: Sequence[onnx.ValueInfoProto]) -> dict[str, list[int | str | None]]:
    return {
        info.name: [
            d.dim_value if d.HasField("dim_value") else d.dim_param or None
            for d in info.type.tensor_type.shape.dim
        ]
        for info in infos
    }


def test_a_module_with_its_weights_its_constants_andtyped_inputs() -> None:
    found = taken(model(LAYERS), "l.1")
    assert operators(found) == ["Constant", "MatMul", "Mul", "Reshape"]
    assert [tensor.name for tensor in found.model.graph.initializer] == ["l.1.weight"]
    assert shapes(found.model.graph.input) == {"b": ["N", 2], "size": [2]}
    assert shapes(found.model.graph.output) == {"y": ["N", 2]}
    assert found.constants == 1  # it stands in l.0, and every reader has its own
    assert found.check is not None
    assert found.check.numeric is not None
    assert found.check.numeric.exact


def test_a_constant_that_others_read_is_no_output() -> None:
    assert planned(model(LAYERS), "l.0").piece.outputs == ("b",)


def test_several_modules_are_one_model() -> None:
    found = taken(model(LAYERS), "l.0", "l.1", "l.1")
    assert (found.piece.inputs, found.piece.outputs) == (("x", "size"), ("y",))
    assert planned(model(LAYERS), "l").model == found.model


def test_the_root_is_the_whole_model() -> None:
    source = model(LAYERS)
    found = taken(source, "")
    assert (found.piece.inputs, found.piece.outputs) == (("x",), ("y",))
    assert len(found.model.graph.node) == len(source.graph.node)


def test_a_piece_of_a_tapped_model_records_no_taps_that_it_does_not_have() -> None:
    tapped = rewriter.tap(chain("/l.0/Relu", "/l.1/Relu"), "l.0", numbers=False).analysis.model
    piece = rewriter.extract(tapped, "l.0", numbers=False).model
    assert metadata.get(piece, tags.TAPS) is None
    assert rewriter.tap(piece, "l.0", numbers=False).taps


def test_the_source_stays_as_it_is() -> None:
    source = model(LAYERS)
    before = source.SerializeToString(deterministic=True)
    planned(source, "l.1")
    assert source.SerializeToString(deterministic=True) == before


def test_paths_and_classes_stay() -> None:
    whole = rewriter.tree(EXPORTS / "bert" / "dy.onnx")
    layer = "model.encoder.layer.1"
    found = rewriter.extract(EXPORTS / "bert" / "dy.onnx", layer, numbers=False)
    part = rewriter.tree(found.model)
    inside = [module for module in whole.walk(layer) if module.total_nodes]
    assert len(inside) > 10
    for module in inside:
        assert part[module.path].class_name == module.class_name
        assert len(part[module.path].nodes) == len(module.nodes)
        assert {p.name for p in part[module.path].parameters} == {p.name for p in module.parameters}
    assert part.coverage == 1.0


def test_a_value_that_the_model_gives_out_is_an_output() -> None:
    source = model(
        'g (float[2] x) => (float[2] y, float[2] z) { ["/a/Relu"] y = Relu (x) ["/b/Abs"] z = Abs (y) }'
    )
    assert planned(source, "a").piece.outputs == ("y",)


def test_what_nothing_reads_is_refused() -> None:
    source = model('g (float[2] x) => (float[2] y) { ["/a/Relu"] unread = Relu (x) ["/b/Abs"] y = Abs (x) }')
    with pytest.raises(CannotCut, match="nothing reads its values"):
        planned(source, "a")


def test_a_module_of_constants_gives_them_out() -> None:
    source = model(
        'g (float[2] x) => (float[2] y) { ["/a/Constant"] two = Constant <value = float {2.0}> ()'
        ' ["/b/Mul"] y = Mul (x, two) }'
    )
    assert taken(source, "a").piece.outputs == ("two",)


def test_a_module_without_nodes_is_refused() -> None:
    source = model(
        'g (float[2] x) => (float[2] y) <float[2] "ghost.weight" = {1.0, 2.0}> { ["/a/Abs"] y = Abs (x) }'
    )
    assert "ghost" in rewriter.tree(source)
    with pytest.raises(CannotCut, match="ghost: no nodes in these modules"):
        planned(source, "ghost")


def test_what_leaves_and_comes_back_is_told() -> None:
    source = model(
        'g (float[2] x) => (float[2] y) { ["/a/Relu"] p = Relu (x) ["/b/Abs"] q = Abs (p)'
        ' ["/a/Add"] y = Add (q, p) }'
    )
    found = planned(source, "a")
    assert (found.piece.inputs, found.piece.outputs) == (("x", "q"), ("p", "y"))
    assert found.returning == ("q",)
    assert planned(source, "b").returning == ()


def test_calls_are_chosen() -> None:
    path = EXPORTS / "shared_block" / "ts.onnx"
    with pytest.raises(UsageError, match="block is called 3 times; choose one: its calls are 0, 1, 2"):
        planned(path, "block")
    with pytest.raises(UsageError, match="no call 3"):
        planned(path, "block", call=3)
    pieces = [planned(path, "block", call=call) for call in range(3)]
    assert len({piece.piece.inputs for piece in pieces}) == 3
    # The exporter names a shared weight anew for later calls; that Identity comes along.
    computing = [[op for op in operators(piece) if op != "Identity"] for piece in pieces]
    assert computing[0] == computing[1] == computing[2]


def test_grouped_files_give_the_same_model() -> None:
    path = EXPORTS / "bert" / "ts.onnx"
    grouped = rewriter.rewrite(path, functions="shared", numbers=False, sidecar="none").analysis.model
    flat, through = planned(path, "model.encoder.layer.1"), planned(grouped, "model.encoder.layer.1")
    assert operators(flat) == operators(through)
    assert shapes(flat.model.graph.input) == shapes(through.model.graph.input)


def test_functions_come_along_with_those_they_call() -> None:
    source = onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 17, "mine" : 1, "other" : 1]>
        g (float[2] x) => (float[2] y) {
          ["/a/outer"] p = mine.outer (x)
          ["/b/Abs"] y = other.unused (p)
        }
        <domain: "mine", opset_import: ["" : 17, "mine" : 1]>
        outer (x) => (y) { y = mine.inner (x) }
        <domain: "mine", opset_import: ["" : 17]>
        inner (x) => (y) { y = Relu (x) }
        <domain: "other", opset_import: ["" : 17]>
        unused (x) => (y) { y = Abs (x) }
    """)
    found = taken(source, "a").model
    assert [function.name for function in found.functions] == ["outer", "inner"]
    assert {opset.domain for opset in found.opset_import} == {"", "mine"}


def test_the_overload_that_is_called_comes_along_and_no_other() -> None:
    source = onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 17, "mine" : 1]>
        g (float[2] x) => (float[2] y) <float[2] p>
        { ["/a/outer"] p = mine.outer (x) ["/b/outer"] y = mine.outer (p) }
        <domain: "mine", opset_import: ["" : 17, "mine" : 1]>
        outer (x) => (y) { y = mine.inner (x) }
        <domain: "mine", opset_import: ["" : 17]>
        outer (x) => (y) { y = Abs (x) }
        <domain: "mine", opset_import: ["" : 17]>
        inner (x) => (y) { y = Relu (x) }
    """)
    source.functions[0].overload = source.graph.node[0].overload = "first"
    found = planned(source, "a").model
    assert [(each.name, each.overload) for each in found.functions] == [("outer", "first"), ("inner", "")]


def test_nodes_in_a_function_that_others_call_are_not_lost() -> None:
    source = onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 17, "mine" : 1]>
        g (float[2] x) => (float[2] y) { ["/a/Relu"] p = Relu (x) ["/b/call"] y = mine.inner (p) }
        <domain: "mine", opset_import: ["" : 17]>
        inner (x) => (y) { ["/a/Abs"] y = Abs (x) }
    """)
    with pytest.raises(CannotCut, match="nodes are in 'inner', a function of another tool"):
        planned(source, "a")
    assert [node.op_type for node in planned(source, "a", "b").model.graph.node] == ["Relu", "inner"]


def test_weights_that_are_inputs_as_well_stay_so() -> None:
    source = model(LAYERS)
    source.ir_version = 3
    for tensor in source.graph.initializer:
        source.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, 1, tensor.dims))
    found = taken(source, "l.0")
    assert found.piece.inputs == ("x",)
    assert [info.name for info in found.model.graph.input] == ["x", "l.0.weight"]


def test_a_weight_under_another_name_comes_along() -> None:
    source = model("""
        g (float[2] x) => (float[2] y) <float[2] w = {1.0, 2.0}>
        { ["/tie/Identity"] v = Identity (w) ["/a/Add"] p = Add (x, v) ["/b/Mul"] y = Mul (p, v) }
    """)
    found = planned(source, "b")
    assert (operators(found), found.piece.inputs) == (["Identity", "Mul"], ("p",))


def test_a_wrong_weight_is_found() -> None:
    analysis = pipeline.load(model(LAYERS))
    wanted = Target((ModulePath("l.1"),))
    batch = plan_extractions(analysis, [wanted], NUMBERS_ONCE)
    found = batch.found[wanted]
    assert isinstance(found, Extraction)
    assert check(batch.whole, [found.piece], None, NUMBERS_ONCE)[0].verdict == "equal"
    tensor = found.model.graph.initializer[0]
    array = onnx.numpy_helper.to_array(tensor) * np.float32(1.0001)
    tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    verdict = check(batch.whole, [found.piece], None, NUMBERS_ONCE)[0]
    assert verdict.fault is None
    assert verdict.verdict != "equal"


def test_a_piece_that_is_not_valid_is_found() -> None:
    analysis = pipeline.load(model(LAYERS))
    wanted = Target((ModulePath("l.1"),))
    batch = plan_extractions(analysis, [wanted], NUMBERS_ONCE)
    found = batch.found[wanted]
    assert isinstance(found, Extraction)
    found.model.graph.node.reverse()
    verdict = check(batch.whole, [found.piece], None, NUMBERS_ONCE)[0]
    assert verdict.fault is not None
    assert (verdict.fault_of_whole, verdict.verdict) == (False, "not proved")


def test_nothing_is_written_unless_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    analysis = pipeline.load(model(LAYERS))
    monkeypatch.setattr("rewriter.cutting.check.Check.verdict", Verdict.NOT_PROVED)
    with pytest.raises(NotProved, match="nothing was written"):
        extract(analysis, ["l.1"], tmp_path / "l.onnx", checking=NUMBERS_ONCE)
    assert not list(tmp_path.iterdir())


def test_what_onnxruntime_has_against_the_whole_is_no_news() -> None:
    source = model("""
        g (float[2] x) => (float[2] y) <float[2] p>
        { ["/a/Secret"] p = mine.Secret (x) ["/b/Abs"] y = Abs (p) }
    """)
    source.opset_import.add(domain="mine", version=1)
    found = extract(pipeline.load(source), ["a"], checking=NUMBERS_ONCE).check
    assert found is not None
    assert found.fault is not None
    assert "onnxruntime" in found.fault
    assert (found.fault_of_whole, found.verdict) == (True, "equal")
    assert taken(source, "b").check is not None


def test_random_numbers_come_out_the_same() -> None:
    source = model("""
        g (float[2] x) => (float[2] y, float[2] z) {
          ["/b/RandomNormalLike"] other = RandomNormalLike (x)
          ["/a/RandomNormalLike"] noise = RandomNormalLike (other)
          ["/a/Add"] y = Add (x, noise)
          ["/a/Abs"] z = Abs (x)
        }
    """)
    found = taken(source, "a")
    assert found.check is not None
    assert found.check.unsteady == ()
    assert found.check.numeric is not None
    assert found.check.numeric.exact
    assert all(attribute.name != "seed" for node in found.model.graph.node for attribute in node.attribute)


def test_without_numbers_nothing_runs() -> None:
    found = taken(model(LAYERS), "l.1", how=Checking(numbers=False))
    assert found.check is not None
    assert found.check.numeric is None
    assert found.check.verdict == "equal"


def test_given_inputs_are_held_against_the_whole() -> None:
    with pytest.raises(UsageError, match="has no input 'b'"):
        taken(model(LAYERS), "l.1", how=Checking(inputs={"b": np.zeros((1, 2), np.float32)}))
    found = taken(model(LAYERS), "l.1", how=Checking(inputs={"x": np.ones((3, 2), np.float32)}))
    assert found.check is not None
    assert found.check.numeric is not None
    assert found.check.numeric.runs == 1


def test_external_weights(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for name in ("dy.onnx", "dy.onnx.data"):
        (source / name).write_bytes((EXPORTS / "external_data" / name).read_bytes())
    beside = rewriter.extract(source / "dy.onnx", "body.0", source / "part.onnx")
    assert beside.outputs == (source / "part.onnx",)
    onnx.checker.check_model(str(source / "part.onnx"), full_check=True)
    with pytest.raises(UsageError, match="--copy-data"):
        rewriter.extract(source / "dy.onnx", "body.0", tmp_path / "part.onnx")
    before = (source / "dy.onnx.data").read_bytes()
    found = rewriter.extract(source / "dy.onnx", "body.0", tmp_path / "part.onnx", copy_data=True)
    onnx.checker.check_model(str(tmp_path / "part.onnx"), full_check=True)
    assert found.outputs == (tmp_path / "part.onnx.data", tmp_path / "part.onnx")
    assert (source / "dy.onnx.data").read_bytes() == before


def test_data_that_does_not_feed_a_piece_may_be_missing(tmp_path: Path) -> None:
    source = onnx.load(EXPORTS / "external_data" / "dy.onnx")
    apart = {"save_as_external_data": True, "all_tensors_to_one_file": False, "size_threshold": 0}
    onnx.save(source, tmp_path / "m.onnx", **apart)  # type: ignore[arg-type]
    (tmp_path / "body.2.weight").unlink()
    assert rewriter.extract(tmp_path / "m.onnx", "body.0", tmp_path / "p.onnx", numbers=True).outputs
    with pytest.raises(NotProved, match="the whole model does not run"):
        rewriter.extract(tmp_path / "m.onnx", "head", tmp_path / "h.onnx", numbers=True)
    with pytest.raises(UnreadableModel, match="missing"):
        rewriter.extract(tmp_path / "m.onnx", "body.2", tmp_path / "b.onnx", numbers=False)


def test_packed_weights_are_those_of_the_source(tmp_path: Path) -> None:
    """By digest of every tensor; and no byte is written that the piece does not read, but for alignment."""
    source = EXPORTS / "external_data" / "dy.onnx"
    found = rewriter.extract(source, "body.0", tmp_path / "part.onnx", copy_data=True, numbers=False)
    made = onnx.load(tmp_path / "part.onnx", load_external_data=False)
    proved = certify(found.model, made, before_folder=source.parent, after_folder=tmp_path)
    assert proved.equal
    assert not proved.identical
    needed = sum(
        bytes_of(each) or 0 for each in tensors_of(made) if each.data_location == TensorProto.EXTERNAL
    )
    assert needed == (tmp_path / "part.onnx.data").stat().st_size == 2048


def test_data_of_an_earlier_piece_gives_way(tmp_path: Path) -> None:
    """The same piece uses the old data; another piece writes its own, and the old data goes."""
    source, out = EXPORTS / "external_data" / "dy.onnx", tmp_path / "part.onnx"
    for _ in range(2):
        rewriter.extract(source, "body.0", out, copy_data=True, numbers=False)
        assert [path.name for path in tmp_path.glob("*.data")] == ["part.onnx.data"]
    found = rewriter.extract(source, "body.2", out, copy_data=True, numbers=False)
    (data,) = tmp_path.glob("*.data")
    assert found.removed == (tmp_path / "part.onnx.data",)
    assert list(external_locations(found.model)) == ["dy.onnx.data"]
    assert list(external_locations(onnx.load(out, load_external_data=False))) == [data.name]
    onnx.checker.check_model(str(out), full_check=True)


def test_data_that_is_read_stays_even_if_an_earlier_run_wrote_it(tmp_path: Path) -> None:
    """The old piece recorded the data as its own; now a model in the folder above refers to it."""
    out = tmp_path / "out"
    out.mkdir()
    first = rewriter.extract(EXPORTS / "external_data" / "dy.onnx", "**", out / "p.onnx", copy_data=True)
    moved = onnx.load(out / "p.onnx", load_external_data=False)
    for tensor in moved.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = f"out/{entry.value}"
    onnx.save(moved, tmp_path / "m.onnx")
    found = rewriter.extract(tmp_path / "m.onnx", "body.0", out / "p.onnx", copy_data=True, numbers=False)
    assert found.removed == ()
    assert first.outputs[0].exists()


def test_a_file_without_hierarchy_says_so() -> None:
    with pytest.raises(UsageError, match="no module hierarchy"):
        rewriter.extract(chain("one", "two"), "encoder")


def test_a_value_of_unknown_rank_is_no_scalar() -> None:
    unknown = onnx.ValueInfoProto(name="v")
    unknown.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    scalar = onnx.helper.make_tensor_value_info("v", onnx.TensorProto.FLOAT, [])
    assert [typed(each) for each in (unknown, scalar)] == ["v float of unknown rank", "v float scalar"]
    assert [value_json(each)["shape"] for each in (unknown, scalar)] == [None, []]


def test_a_piece_has_an_import() -> None:
    """onnxruntime runs a model that imports other operator sets only, but none without any import."""
    text = 'g (float[2] x) => (float[2] y) { ["/a/Neg"] p = Neg (x) ["/b/G"] y = com.microsoft.Gelu (p) }'
    made = model(text)
    del made.opset_import[:]
    made.opset_import.add(domain="com.microsoft", version=1)
    piece = extract(pipeline.load(made), ["a"], checking=NUMBERS_ONCE).model
    assert [each.domain for each in piece.opset_import] == ["com.microsoft"]
