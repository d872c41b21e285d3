"""Edits with graphsurgeon: real ones, on real exports, and what plain graphsurgeon leaves of the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

import rewriter
from benchmarks.fields import differences
from rewriter.errors import UnreadableModel, UsageError
from rewriter.evidence.metadata import tags
from rewriter.model.index.graph import GraphIndex
from rewriter.model.metadata import read
from tests.adapters.rich import rich
from tests.exports import EXPORTS

gs = pytest.importorskip("onnx_graphsurgeon")

from rewriter.adapters.graphsurgeon import Edited, edit  # noqa: E402
from rewriter.adapters.graphsurgeon.constants import array_of  # noqa: E402
from rewriter.basics.literals import FunctionsWord  # noqa: E402

UNTOUCHED = [*sorted((EXPORTS / "bert").glob("*.onnx")), EXPORTS / "cond/dy.onnx", EXPORTS / "t5/ts.onnx"]
EDITED = [
    EXPORTS / "bert/dy.onnx",
    EXPORTS / "gpt2/ts.onnx",
    EXPORTS / "cond/dy.onnx",
    EXPORTS / "scripted_if_loop/ts.onnx",
]


def edited(model: ModelProto, change: Callable[[Any], object]) -> Edited:
    editing = edit(model)
    with editing as graph:
        change(graph)
    return editing.edited


def content(model: ModelProto) -> bytes:
    return model.SerializeToString(deterministic=True)


def change(graph: Any) -> None:
    """Fold a node, put one in, clean up and sort: the edit that people make."""
    computed = [node for node in graph.nodes if node.op != "Constant" and node.inputs]
    value = computed[len(computed) // 2].outputs[0]
    inserted = gs.Variable("inserted", value.dtype, value.shape)
    for reader in [*value.outputs]:
        for position, each in enumerate(reader.inputs):
            if each is value:
                reader.inputs[position] = inserted
    for position, each in enumerate(graph.outputs):
        if each is value:
            graph.outputs[position] = inserted
    graph.nodes.append(gs.Node("Identity", "inserted_here", inputs=[value], outputs=[inserted]))
    folded = next((node for node in graph.nodes if node.op == "Constant" and node.outputs[0].outputs), None)
    if folded is not None:
        folded.outputs[0].to_constant(folded.attrs["value"].values)
        folded.outputs.clear()
    # Sorting functions never ends where the main graph has bodies (graphsurgeon 0.6.1).
    in_bodies = graph.functions and [*graph.subgraphs()]
    graph.cleanup().toposort(mode="nodes" if in_bodies else "full")


def said(model: ModelProto) -> dict[tuple[str, ...], tuple[dict[str, str], str]]:
    """What a node writes -> its metadata and doc string, where it has any; functions and bodies too."""
    graph = GraphIndex(model)
    found = {}
    for number, node in enumerate(graph.nodes):
        if node.metadata_props or node.doc_string:
            home = graph.bodies[graph.body_of[number]].proto.name
            found[(home, node.op_type, *node.output)] = (read(node), node.doc_string)
    return found


@pytest.mark.parametrize("path", UNTOUCHED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_graph_that_nobody_touched_comes_out_byte_for_byte(path: Path, tmp_path: Path) -> None:
    grouped = rewriter.rewrite(path, functions="shared", numbers=False).result
    for model in (onnx.load(path), grouped):
        result = edited(model, lambda graph: None)
        assert content(result.model) == model.SerializeToString(deterministic=True)
        assert (result.new, result.dropped) == ((), ())
        assert result.kept == len(GraphIndex(model).nodes)
        assert result.certificate.equal


def test_fields_of_every_kind_come_out() -> None:
    model = rich()
    assert list(differences(model, edited(model, lambda graph: None).model)) == []
    with pytest.raises(ValueError, match="empty iterator"):  # plain graphsurgeon ends at the first of them
        gs.export_onnx(gs.import_onnx(rich()))
    node = node_named(model, "custom")
    del node.attribute[[each.name for each in node.attribute].index("none")]
    del model.graph.output[1]
    del model.graph.node[-1]
    lost = list(differences(model, gs.export_onnx(gs.import_onnx(model))))
    assert len(lost) > 30


@pytest.mark.parametrize("functions", ["none", "call", "shared"])
@pytest.mark.parametrize("path", EDITED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_real_edit_keeps_all_that_was_said(path: Path, functions: FunctionsWord) -> None:
    model = rewriter.rewrite(path, functions=functions, numbers=False).result
    before = said(model)
    assert before
    result = edited(model, change)
    onnx.checker.check_model(result.model)
    assert [each.name for each in result.new] == ["inserted_here"]
    after = said(result.model)
    gone = before.keys() - after.keys()
    assert len(gone) == len(result.dropped) <= 1  # the constant that was folded
    notes = {tags.ORDER}  # where nodes stood in the flat graph; they no longer do
    for key in before.keys() & after.keys():
        ours, theirs = before[key], after[key]
        assert ({**ours[0], **theirs[0]}, ours[1]) == theirs or set(ours[0]) - set(theirs[0]) <= notes
    graph = gs.import_onnx(model)
    change(graph)
    assert said(gs.export_onnx(graph)) == {}  # plain graphsurgeon: nothing


@pytest.mark.parametrize("functions", ["none", "shared"])
@pytest.mark.parametrize("path", EDITED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_comes_out_computes_what_graphsurgeon_would_write(path: Path, functions: FunctionsWord) -> None:
    model = rewriter.rewrite(path, functions=functions, numbers=False).result
    for other in (change, renamed, lambda graph: graph.fold_constants().cleanup()):
        plain = gs.import_onnx(ModelProto.FromString(content(model)))  # which renames weights of what it got
        other(plain)
        ours = edited(model, other).model
        assert rewriter.verify(gs.export_onnx(plain), ours, numbers=False).verdict == "equal"


@pytest.mark.parametrize("path", EDITED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_new_nodes_are_placed_and_the_tree_stays(path: Path) -> None:
    model = rewriter.rewrite(path, numbers=False).result
    tree = rewriter.tree(model)
    result = edited(model, change)
    (new,) = result.new
    assert new.module is not None
    assert new.module in tree
    again = rewriter.load(result.model)
    assert again.tree.placed == tree.placed + 1 - len(result.dropped)
    node = next(node for node in again.graph.nodes if node.name == "inserted_here")
    assert read(node)[tags.MODULE] == new.module
    assert set(again.tree.modules) <= set(tree.modules)


def test_new_nodes_in_functions_are_placed_too() -> None:
    for functions in ("call", "shared"):
        model = rewriter.rewrite(EXPORTS / "bert/dy.onnx", functions=functions, numbers=False).result

        def insert(graph: Any) -> None:
            function = next(each for each in graph.functions if each.name.startswith("BertSelfAttention"))
            value = next(node for node in function.nodes if node.op == "MatMul").outputs[0]
            new = gs.Variable("new")
            for reader in [*value.outputs]:
                reader.inputs[[id(each) for each in reader.inputs].index(id(value))] = new
            function.nodes.append(gs.Node("Identity", "new", inputs=[value], outputs=[new]))
            function.toposort()

        result = edited(model, insert)
        assert all(each.module is not None for each in result.new)
        flat = rewriter.load(result.model)
        placed = [
            place.module
            for node, place in zip(flat.graph.nodes, flat.tree.placements, strict=True)
            if node.op_type == "Identity" and place is not None
        ]
        assert len(placed) == (2 if functions == "shared" else 1)
        assert all(module.matches("**.attention.self**") for module in placed)
        assert result.certificate.equal  # an Identity changes nothing


def test_a_certificate_tells_whether_the_edit_changed_anything() -> None:
    model = onnx.load(EXPORTS / "bert/dy.onnx")

    def other(graph: Any) -> None:
        next(node for node in graph.nodes if node.op == "Tanh").op = "Relu"

    assert edited(model, change).certificate.equal
    result = edited(model, other)
    assert not result.certificate.equal
    assert result.new == ()  # the same node with another operator


def test_folding_by_graphsurgeon_keeps_the_rest() -> None:
    model = rewriter.rewrite(EXPORTS / "bert/ts.onnx", restore_names=True, numbers=False).result
    before = said(model)
    result = edited(model, lambda graph: graph.fold_constants().cleanup().toposort())
    assert result.dropped
    after = said(result.model)
    assert {key: before[key] for key in after} == after
    assert rewriter.verify(model, result.model).numeric is not None
    numeric = rewriter.verify(model, result.model).numeric
    assert numeric is not None
    assert numeric.agrees


def external(folder: Path) -> Path:
    for file in (EXPORTS / "external_data").glob("dy.onnx*"):
        shutil.copy(file, folder)
    return folder / "dy.onnx"


def initializers(path: Path) -> dict[str, TensorProto]:
    model = onnx.load(path, load_external_data=False)
    return {tensor.name: tensor for tensor in model.graph.initializer}


def test_weights_in_files_stay_there_until_they_change(tmp_path: Path) -> None:
    source, output = external(tmp_path), tmp_path / "edited.onnx"
    with edit(source, output) as graph:
        constants = {name: each for name, each in graph.tensors().items() if isinstance(each, gs.Constant)}
        first, second = constants["body.0.weight"], constants["body.2.weight"]
        assert np.abs(first.values).max() > 0  # graphsurgeon would move it into the model for that
        second.values = second.values * 2
    was, now = initializers(source), initializers(output)
    assert now["body.0.weight"] == was["body.0.weight"]
    changed = now["body.2.weight"]
    assert changed.data_location == TensorProto.DEFAULT
    before = numpy_helper.to_array(was["body.2.weight"], str(tmp_path))
    assert (numpy_helper.to_array(changed) == before * 2).all()
    onnx.checker.check_model(output)
    (tmp_path / "far").mkdir()
    with pytest.raises(UsageError, match="the weights lie in"):
        edit(source, tmp_path / "far" / "o.onnx")
    with edit(source, tmp_path / "far" / "o.onnx", copy_data=True):
        pass
    assert rewriter.verify(source, tmp_path / "far" / "o.onnx").verdict == "equal"


def test_graphsurgeon_folds_weights_that_lie_in_files(tmp_path: Path) -> None:
    source = external(tmp_path)
    with edit(source, tmp_path / "o.onnx") as graph:
        weight = graph.tensors()["body.0.weight"]
        doubled = gs.Variable("doubled", np.float32)
        for reader in [*weight.outputs]:
            reader.inputs[[id(each) for each in reader.inputs].index(id(weight))] = doubled
        graph.nodes.insert(0, gs.Node("Add", "double", inputs=[weight, weight], outputs=[doubled]))
        graph.fold_constants().cleanup().toposort()
    now = initializers(tmp_path / "o.onnx")
    was = numpy_helper.to_array(initializers(source)["body.0.weight"], str(tmp_path))
    assert (numpy_helper.to_array(now["doubled"]) == was * 2).all()
    assert "body.0.weight" not in now


def test_an_error_in_the_block_writes_nothing(tmp_path: Path) -> None:
    shutil.copy(EXPORTS / "bert/dy.onnx", tmp_path / "in.onnx")
    editing = edit(tmp_path / "in.onnx", tmp_path / "out.onnx")
    with pytest.raises(ZeroDivisionError), editing as graph:
        graph.nodes.clear()
        raise ZeroDivisionError
    with pytest.raises(UsageError, match="not done"):
        editing.edited  # noqa: B018
    with (
        pytest.raises(UsageError, match=r"nothing writes output .*; call graph\.cleanup"),
        edit(tmp_path / "in.onnx", tmp_path / "out.onnx") as graph,
    ):
        graph.nodes.clear()
    assert [file.name for file in tmp_path.iterdir()] == ["in.onnx"]


def test_inputs_are_never_changed(tmp_path: Path) -> None:
    path = tmp_path / "in.onnx"
    shutil.copy(EXPORTS / "bert/dy.onnx", path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="name the file to write"):
        edit(path)
    with pytest.raises(UsageError, match="is the input"):
        edit(path, path)
    model = onnx.load(path)
    edited(model, change)
    assert content(model) == onnx.load(path).SerializeToString(deterministic=True)
    with edit(path, tmp_path / "out.onnx") as graph:
        change(graph)
    assert path.read_bytes() == before


def test_an_input_that_changes_meanwhile_ends_the_edit(tmp_path: Path) -> None:
    path = tmp_path / "in.onnx"
    shutil.copy(EXPORTS / "bert/dy.onnx", path)
    with pytest.raises(UnreadableModel, match="changed while"), edit(path, tmp_path / "out.onnx"):
        path.write_bytes(path.read_bytes() + bytes(0))
    assert [file.name for file in tmp_path.iterdir()] == ["in.onnx"]


def test_the_output_has_its_sidecar(tmp_path: Path) -> None:
    source = EXPORTS / "bert/dy.onnx"
    editing = edit(source, tmp_path / "out.onnx")
    with editing as graph:
        change(graph)
    assert editing.edited.outputs == (tmp_path / "out.modules.json", tmp_path / "out.onnx")
    tree = rewriter.tree(tmp_path / "out.onnx", like=tmp_path / "out.modules.json")
    assert tree.placed == rewriter.tree(source).placed + 1
    with edit(source, tmp_path / "bare.onnx", sidecar="none"):
        pass
    assert not (tmp_path / "bare.modules.json").exists()


def renamed(graph: Any) -> None:
    for tensor in graph.tensors().values():
        if tensor not in graph.inputs and tensor not in graph.outputs and not tensor.name.endswith("default"):
            tensor.name = f"new/{tensor.name}"
    for node in graph.nodes:
        node.name = f"new/{node.name}"


@pytest.mark.parametrize("model", [rich(), onnx.load(EXPORTS / "cond/dy.onnx")], ids=["rich", "cond"])
def test_names_may_change(model: ModelProto) -> None:
    result = edited(model, renamed)
    assert (result.new, result.dropped) == ((), ())
    onnx.checker.check_model(result.model)
    assert result.certificate.equal
    names = {each.tensor_name for each in result.model.graph.quantization_annotation}
    assert all(name.startswith("new/") for name in names)


def node_named(model: ModelProto, name: str) -> NodeProto:
    return next(node for node in model.graph.node if node.name == name)


def test_attributes_change_one_by_one() -> None:
    model = rich()

    def change_one(graph: Any) -> None:
        node = next(node for node in graph.nodes if node.name == "custom")
        node.attrs["number"] = 7
        del node.attrs["gone"]
        node.attrs["fresh"] = [1.5]
        node.attrs["none"] = []

    before, after = node_named(model, "custom"), node_named(edited(model, change_one).model, "custom")
    kept = {each.name: each for each in after.attribute}
    assert kept.keys() == {each.name for each in before.attribute} - {"gone"} | {"fresh"}
    assert (kept["number"].i, kept["number"].doc_string) == (7, "a number")
    assert kept["none"].type == onnx.AttributeProto.INTS
    for each in before.attribute:
        if each.name not in ("gone", "number", "none"):
            assert kept[each.name] == each


def test_opsets_functions_and_constants_may_be_added() -> None:
    def add(graph: Any) -> None:
        value = gs.Variable("made", np.float32, [2])
        weight = gs.Constant("weight_of_new", np.ones(2, np.float32))
        graph.nodes.append(
            gs.Node("Other", "other", inputs=[graph.inputs[0], weight], outputs=[value], domain="new")
        )
        graph.outputs.append(value)
        into = graph.functions[1].nodes[0].inputs
        into[1] = gs.Constant("inside", np.zeros(2, np.float32))

    result = edited(rich(), add)
    onnx.checker.check_model(result.model)
    assert {each.domain: each.version for each in result.model.opset_import}["new"] == 1
    assert "weight_of_new" in {each.name for each in result.model.graph.initializer}
    assert [each.operator for each in result.new] == ["Other", "Constant"]
    with pytest.raises(UsageError, match="'untyped' is an input or output without a type"):
        edited(rich(), lambda graph: graph.outputs.append(gs.Variable("untyped")))


def test_defaults_of_inputs_and_sparse_weights_stay_or_go_with_their_readers() -> None:
    def drop(graph: Any) -> None:
        next(node for node in graph.nodes if node.name == "sparse").inputs[1] = graph.inputs[0]
        graph.cleanup()

    model = rich()
    assert {"x", "with_default"} <= {each.name for each in model.graph.input}
    result = edited(model, drop).model
    assert [each.name for each in result.graph.input] == [each.name for each in model.graph.input]
    assert len(model.graph.sparse_initializer) == 1
    assert not result.graph.sparse_initializer
    look = edited(
        model, lambda graph: [each.values for each in graph.tensors().values() if hasattr(each, "values")]
    )
    assert list(differences(model, look.model)) == []  # looking changes nothing


def test_an_edit_may_sort_nodes_and_put_in_copies() -> None:
    model = onnx.load(EXPORTS / "bert/dy.onnx")
    before = said(model)
    nodes = [*model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(reversed(nodes))
    with pytest.raises(UsageError, match="the edited graph: "):
        edited(model, lambda graph: None)

    def sort_copies(graph: Any) -> None:
        graph.nodes = [node.copy([*node.inputs], [*node.outputs]) for node in graph.nodes]
        for node in graph.nodes:
            for tensor in node.outputs:
                tensor.inputs = [node]
        graph.toposort()

    result = edited(model, sort_copies)
    assert said(result.model) == before
    assert (result.new, result.dropped, result.kept) == ((), (), len(nodes))


def test_nodes_in_lists_of_graphs_are_kept() -> None:
    model = rich()
    assert edited(model, lambda graph: None).kept == len(GraphIndex(model).nodes)


def test_what_graphsurgeon_cannot_read_is_refused_in_one_line() -> None:
    model = rich()
    node_named(model, "custom").attribute.add(name="text", type=onnx.AttributeProto.STRING, s=b"\xff")
    with pytest.raises(UnreadableModel, match=r"^model: graphsurgeon cannot read it: UnicodeDecodeError"):
        edit(model)


def old_ir(version: int = 3) -> ModelProto:
    """A weight that is listed as an input, on a node that bears its module."""
    made = onnx.parser.parse_model(
        f'<ir_version: {version}, opset_import: ["" : 13]> g (float[2] x, float[2] w) => (float[2] y) '
        '<float[2] w = {1, 2}> { ["/m/a/Add"] h = Add (x, w) ["/m/b/Abs"] y = Abs (h) }'
    )
    return rewriter.rewrite(made, numbers=False).analysis.model


def test_constants_of_an_old_file_stay_listed_whatever_becomes_of_them() -> None:
    def more(graph: Any) -> None:
        graph.tensors()["w"].name = "renamed"
        ones = gs.Constant("ones", np.ones(2, np.float32))
        made = gs.Variable("made", np.float32, [2])
        (result,) = graph.outputs
        graph.nodes.append(gs.Node("Mul", "/m/b/Mul", inputs=[result, ones], outputs=[made]))
        graph.outputs = [made]

    assert content(edited(old_ir(), lambda graph: None).model) == content(old_ir())
    found = edited(old_ir(), more)
    assert [info.name for info in found.model.graph.input] == ["x", "renamed", "ones"]
    assert found.model.ir_version == 3
    onnx.checker.check_model(found.model, full_check=True)
    assert [(each.name, each.module) for each in found.new] == [("/m/b/Mul", "m.b")]
    assert read(found.model.graph.node[-1])[tags.MODULE] == "m.b"


def test_a_newer_file_lists_what_it_listed() -> None:
    found = edited(old_ir(4), lambda graph: setattr(graph.tensors()["w"], "name", "renamed"))
    assert [info.name for info in found.model.graph.input] == ["x"]


def test_external_data_that_became_too_short_is_told(tmp_path: Path) -> None:
    source = external(tmp_path)
    tensor = next(each for each in initializers(source).values() if each.external_data)
    (tmp_path / tensor.external_data[0].value).write_bytes(b"")
    with pytest.raises(UnreadableModel, match="has 0 bytes, the model needs"):
        array_of(tensor, tmp_path)
