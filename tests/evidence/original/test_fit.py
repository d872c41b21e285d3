"""Fit of an original: the counts, the refusals, the messages."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import rewriter
from rewriter import pipeline
from rewriter.errors import DoesNotFit, UsageError
from rewriter.evidence.original import fit as like_fit
from rewriter.evidence.original.fit import LikeFit, Overlap
from rewriter.views.json import schema
from rewriter.views.sidecar.original import like_analysis
from tests.cli.running import heard
from tests.exports import EXPORTS, FILES

BERT, RESNET = EXPORTS / "bert" / "ts.onnx", EXPORTS / "resnet" / "ts.onnx"


def fit(model: onnx.ModelProto | Path, original: onnx.ModelProto | Path) -> LikeFit:
    return like_fit.measure(pipeline.load(model).graph, like_analysis(pipeline.load(original)))


def nameless(path: Path, prefix: str = "v") -> onnx.ModelProto:
    """Return the model with new names for all values except inputs and outputs, and none for nodes."""
    model = onnx.load(path)
    kept = {info.name for info in (*model.graph.input, *model.graph.output)}
    for node in model.graph.node:
        node.name = ""
        del node.metadata_props[:]
        for names in (node.input, node.output):
            for at, name in enumerate(names):
                names[at] = name if not name or name in kept else f"{prefix}{name}"
    for tensor in model.graph.initializer:
        tensor.name = f"{prefix}{tensor.name}"
    del model.graph.value_info[:]
    return model


def with_weights(path: Path, change: float) -> onnx.ModelProto:
    """Return the model with other weights, as after further training."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            array = numpy_helper.to_array(tensor)
            tensor.CopyFrom(
                numpy_helper.from_array(array * np.float32(change) + np.float32(0.1), tensor.name)
            )
    return model


def test_a_file_is_all_of_itself() -> None:
    found = fit(BERT, BERT)
    assert (found.share, found.fits) == (1.0, True)
    assert found.weights.count == found.weights.of > 20
    assert found.values.count == found.values.of > 80


def test_weights_tell_where_names_are_gone() -> None:
    found = fit(nameless(BERT), BERT)
    assert found.fits
    assert found.weights.count == found.weights.of
    assert found.values.count < 5


@pytest.mark.parametrize("made", ["transposed", "half", "padded"])
def test_weights_outlive_what_tools_do_to_them(made: str) -> None:
    model = nameless(BERT)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and tensor.dims:
            array = numpy_helper.to_array(tensor)
            changed = {
                "transposed": np.ascontiguousarray(array.T),
                "half": array.astype(np.float16),
                "padded": np.concatenate([array, np.zeros_like(array[:1])]),
            }[made]
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    found = fit(model, BERT)
    assert found.weights.count == found.weights.of


def test_values_tell_where_weights_are_others() -> None:
    found = fit(with_weights(BERT, 1.5), BERT)
    assert found.weights.count == 0
    assert (found.values.count, found.fits) == (found.values.of, True)


def test_values_of_the_same_name_and_another_origin_tell_nothing() -> None:
    """Dynamo uses names such as `add_1` and `linear_2` in every file."""
    model = onnx.load(BERT)
    names = [name for node in model.graph.node for name in node.output]
    turned = dict(zip(names, reversed(names), strict=True))
    for node in model.graph.node:
        for listed in (node.input, node.output):
            for at, name in enumerate(listed):
                listed[at] = turned.get(name, name)
    del model.graph.value_info[:]
    found = like_fit.measure(
        pipeline.load(with_weights(BERT, 2.0)).graph,
        like_analysis(rewriter.load(_sorted(model))),
    )
    assert found.values.count < 0.1 * found.values.of
    assert not found.fits


def _sorted(model: onnx.ModelProto) -> onnx.ModelProto:
    outputs = {name for node in model.graph.node for name in node.output}
    assert outputs >= {info.name for info in model.graph.output}
    return model


@pytest.mark.parametrize(
    ("weights", "values", "share"),
    [
        ((0, 0), (0, 0), 1.0),  # without weights and values, nothing speaks against the original
        ((4, 4), (0, 5), 4 / 9),  # too few of either kind: both are counted together
        ((0, 30), (12, 12), 1.0),
        ((12, 12), (0, 90), 1.0),
        ((0, 30), (5, 11), 5 / 41),
    ],
)
def test_few_of_a_kind_do_not_count_alone(
    weights: tuple[int, int], values: tuple[int, int], share: float
) -> None:
    assert LikeFit("o", Overlap(*weights), Overlap(*values), Overlap(*values)).share == pytest.approx(share)


STRANGERS = ("bert/ts", "resnet/ts", "gpt2/dy", "unet/dy", "t5/ts", "vit/dy", "whisper/dy")


@pytest.mark.parametrize("original", STRANGERS)
def test_models_of_other_architectures_do_not_fit(original: str) -> None:
    like = like_analysis(pipeline.load(EXPORTS / f"{original}.onnx"))
    for other in STRANGERS:
        found = like_fit.measure(pipeline.load(EXPORTS / f"{other}.onnx").graph, like)
        assert found.fits == (other == original), f"{other}: {found}"


def test_a_model_without_inline_weights_is_told_by_their_names() -> None:
    (path,) = [path for path in FILES if path.parts[-2:] == ("external_data", "dy.onnx")]
    found = fit(path, path)
    assert found.weights == Overlap(found.weights.of, found.weights.of)
    assert found.weights.of > 0


def test_an_original_that_does_not_fit_is_refused_and_may_be_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.onnx"
    code, said, err = heard(capsys, "carry", RESNET, BERT, "-o", out, "--no-numbers")
    assert (code, said, out.exists()) == (3, "", False)
    only = "only 0 of 17 weights by content and 0 of 22 values by name and origin are those of"
    assert err.startswith(f"rewriter: {BERT}: {only} {RESNET}; give the model ")
    assert err.endswith(", or --force\n")
    for verb in (["tree", BERT], ["rewrite", BERT, "-o", out], ["explain", BERT, "x"], ["stats", BERT]):
        assert heard(capsys, *map(str, verb), "--like", RESNET)[0] == 3
    code, said, _ = heard(capsys, "carry", RESNET, BERT, "-o", out, "--no-numbers", "--force", "--json")
    told = json.loads(said)
    assert (code, out.exists()) == (0, True)
    assert told["original"]["share"] < 0.5
    jsonschema.Draft202012Validator(schema("rewrite")).validate(told)


def test_what_the_original_gave_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    dynamic = EXPORTS / "bert" / "ts_dyn.onnx"
    _, said, _ = heard(capsys, "tree", dynamic, "--like", BERT, "--depth", "0")
    told = rewriter.load(dynamic, like=BERT)
    placed, nodes = told.tree.by_source["like"], len(told.tree.placements)
    assert f"{placed} of {nodes} nodes by like: " in " ".join(said.split())
    _, said, _ = heard(capsys, "tree", dynamic, "--like", BERT, "--json")
    document = json.loads(said)
    jsonschema.Draft202012Validator(schema("tree")).validate(document)
    original = document["original"]
    assert (original["placed"], original["nodes"], original["name"]) == (placed, nodes, str(BERT))
    assert 0.5 <= original["share"] <= 1
    assert original["weights"]["shared"] <= original["weights"]["of"]
    assert any(note.startswith(f"{placed} of {nodes} nodes by like: ") for note in document["notes"])


def test_python_refuses_and_forces() -> None:
    with pytest.raises(DoesNotFit):
        rewriter.tree(BERT, like=RESNET)
    forced = rewriter.load(BERT, like=RESNET, force=True)
    assert forced.notes[0].startswith("0 of 151 nodes by like: 0 of 17 weights")
    with pytest.raises(UsageError, match="add --like"):
        rewriter.tree(BERT, force=True)


def test_a_sidecar_has_to_fit_as_well(tmp_path: Path) -> None:
    rewriter.rewrite(RESNET, tmp_path / "resnet.onnx", numbers=False)
    rewriter.rewrite(BERT, tmp_path / "bert.onnx", numbers=False)
    with pytest.raises(DoesNotFit, match="weights by name"):
        rewriter.tree(BERT, like=tmp_path / "resnet.modules.json")
    found = rewriter.load(EXPORTS / "bert" / "ts_dyn.onnx", like=tmp_path / "bert.modules.json")
    assert found.original is not None
    assert found.original.by_names
    assert found.tree.by_source["like"] > 50


def test_a_batch_refuses_the_files_that_do_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, path in enumerate((BERT, RESNET)):
        (tmp_path / f"{number}.onnx").write_bytes(path.read_bytes())
    words = ("batch", tmp_path, "-o", tmp_path / "out", "--no-numbers", "--jobs", "1", "--json")
    code, said, _ = heard(capsys, *words, "--like", BERT)
    fitting, other = json.loads(said)["records"]
    assert (code, fitting["status"], other["status"]) == (3, "done", "unreadable")
    assert "nodes by like: " in fitting["notes"][0]
    assert "only 0 of 17 weights" in other["message"]


def test_a_comparison_carries_no_tree_that_does_not_fit() -> None:
    found = rewriter.diff(BERT, nameless(RESNET), numbers=False)
    assert not found.carried
