from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import onnxruntime
import pytest

import rewriter
from rewriter import pipeline
from rewriter.cutting.check import Check, Checking, check
from rewriter.cutting.split import Split, finish, parse_cuts, plan_split
from rewriter.errors import CannotCut, CannotWrite, NotProved, UsageError
from rewriter.model.storage.external_data import external_locations
from rewriter.model.storage.files import load
from rewriter.verdict.verification import Verdict
from tests.build import model
from tests.exports import EXPORTS

ONCE = Checking(sets=1)
CHAIN = """
g (float[2] x) => (float[2] y)
{
  ["/early/Constant"] two = Constant <value = float {2.0}> ()
  ["/l.0/Relu"] a = Relu (x)
  ["/l.0/Mul"] b = Mul (a, two)
  ["/l.1/Abs"] c = Abs (b)
  ["/l.1/Mul"] d = Mul (c, two)
  ["/l.2/Neg"] e = Neg (d)
  ["/l.2/Add"] y = Add (e, b)
}
"""


def parts(source: Any, *at: str) -> Split:
    analysis = pipeline.load(source)
    found = finish(plan_split(analysis, parse_cuts(analysis, at), ONCE), None, ONCE)
    assert all(each.fault is None for each in found.checks)
    assert all(each.numeric is not None and each.numeric.exact for each in found.checks)
    return found


def planned(source: Any, *at: str) -> Split:
    """The same without a check, which takes a process."""
    analysis = pipeline.load(source)
    return plan_split(analysis, parse_cuts(analysis, at), ONCE)


def operators(found: Split) -> list[list[str]]:
    return [[node.op_type for node in part.model.graph.node] for part in found.parts]


def test_a_chain_whose_parts_feed_each_other() -> None:
    found = parts(model(CHAIN), "l.1", "l.2")
    assert operators(found) == [["Constant", "Relu", "Mul"], ["Constant", "Abs", "Mul"], ["Neg", "Add"]]
    assert found.feeds == ({"x": None}, {"b": 0}, {"d": 1, "b": 0})
    assert [part.outputs for part in found.parts] == [("b",), ("d",), ("y",)]


def test_the_order_of_cuts_is_that_of_the_file() -> None:
    one, other = planned(model(CHAIN), "l.2", "l.1", "l.1"), planned(model(CHAIN), "l.[12]")
    assert [str(at) for at in one.at] == ["l.1", "l.2"]
    assert operators(one) == operators(other)


def test_what_a_later_module_computes_early_goes_there() -> None:
    source = model("""
        g (float[N, 2] x) => (float[N, 2] y) <float[2] w = {1.0, 2.0}>
        {
          ["/l.1/Shape"] size = Shape (x)
          ["/l.1/Exp"] folded = Exp (w)
          ["/l.0/Relu"] a = Relu (x)
          ["/l.1/Add"] b = Add (a, folded)
          ["/l.1/Reshape"] y = Reshape (b, size)
        }
    """)
    found = parts(source, "l.1")
    assert operators(found) == [["Relu"], ["Shape", "Exp", "Add", "Reshape"]]
    assert found.feeds[1] == {"x": None, "a": 0}
    assert found.left == {}


def test_what_an_earlier_part_reads_stays_there_and_is_told() -> None:
    source = model("""
        g (float[N, 2] x) => (float[N, 2] y)
        {
          ["/l.1/Shape"] size = Shape (x)
          ["/l.0/Relu"] a = Relu (x)
          ["/l.0/Reshape"] b = Reshape (a, size)
          ["/l.1/Abs"] c = Abs (b)
          ["/l.1/Reshape"] y = Reshape (c, size)
        }
    """)
    found = parts(source, "l.1")
    assert found.feeds[1] == {"b": 0, "size": 0}
    assert list(found.left.values()) == [1]


def test_nothing_before_the_cut_is_refused() -> None:
    with pytest.raises(CannotCut, match=r"nothing is computed before l\.0"):
        planned(model(CHAIN), "l.0")


def test_a_module_of_weights_alone_begins_where_it_computes() -> None:
    source = model("""
        g (float[2] x) => (float[2] y) <float[2] w = {1.0, 2.0}>
        {
          ["/l.1/Identity"] v = Identity (w)
          ["/l.0/Relu"] a = Relu (x)
          ["/l.1/Exp"] b = Exp (v)
          ["/l.2/Add"] y = Add (a, b)
        }
    """)
    assert operators(planned(source, "l.1")) == [["Relu"], ["Identity", "Exp", "Add"]]


def test_two_cuts_at_one_place_are_refused() -> None:
    source = model(CHAIN.replace("/l.1/", "/l.1/inner/"))
    with pytest.raises(CannotCut, match="part would be empty"):
        planned(source, "l.1", "l.1.inner")


def test_calls_are_chosen() -> None:
    path = EXPORTS / "shared_block" / "ts.onnx"
    with pytest.raises(UsageError, match="called 3 times"):
        planned(path, "block")
    assert len(parts(path, "block@1", "block@2").parts) == 3


def test_an_input_that_is_an_output_stays_one() -> None:
    source = model(
        "g (float[2] x) => (float[2] y, float[2] w) <float[2] w = {1.0, 2.0}>"
        ' { ["/a/Abs"] p = Abs (x) ["/b/Neg"] y = Neg (p) }'
    )
    found = planned(source, "b")
    assert [part.outputs for part in found.parts] == [("p", "w"), ("y",)]


def test_bodies_are_not_cut_through() -> None:
    source = model("""
        g (float[2] x, bool c) => (float[2] y)
        {
          ["/a/Abs"] p = Abs (x)
          ["/If"] y = If (c) <
            then_branch = t () => (float[2] r) { ["/b/Neg"] r = Neg (p) },
            else_branch = e () => (float[2] r) { ["/c/Exp"] r = Exp (p) }>
        }
    """)
    with pytest.raises(CannotCut, match="are in the body"):
        planned(source, "b")


def test_random_numbers_come_out_the_same() -> None:
    source = model("""
        g (float[2] x) => (float[2] y)
        { ["/a/Noise"] n = RandomNormalLike (x) ["/a/Add"] p = Add (x, n) ["/b/Neg"] y = Neg (p) }
    """)
    assert parts(source, "b").feeds == ({"x": None}, {"p": 0})


def test_a_wrong_part_is_found() -> None:
    analysis = pipeline.load(model(CHAIN))
    planned = plan_split(analysis, parse_cuts(analysis, ["l.1"]), ONCE)
    constant = planned.parts[0].model.graph.node[0].attribute[0].t
    constant.CopyFrom(onnx.numpy_helper.from_array(np.array(2.0001, np.float32), constant.name))
    verdicts = check(analysis.model, planned.parts, None, ONCE, chain=True)
    assert verdicts[0].verdict != "equal"


def test_files_that_run_as_split_json_says(tmp_path: Path) -> None:
    path = EXPORTS / "bert" / "ts_dyn.onnx"
    written = rewriter.split(path, "model.encoder.layer.1", tmp_path / "halves").outputs
    names = ["split.json", "part-0.onnx", "part-1.onnx"]
    assert [each.name for each in written] == names
    feeds = {
        "input_ids": np.array([[1, 2, 3]]),
        "attention_mask": np.ones((1, 3), np.int64),
    }
    pool: dict[str, Any] = dict(feeds)
    index = json.loads((tmp_path / "halves" / "split.json").read_text())
    made_by: dict[str, str] = {}
    for part in index["parts"]:
        session = session_of(tmp_path / "halves" / part["file"])
        for each in part["inputs"]:
            assert made_by.get(each["name"]) == each["from"]
        outputs = [each["name"] for each in part["outputs"]]
        pool.update(
            zip(
                outputs,
                session.run(outputs, {i["name"]: pool[i["name"]] for i in part["inputs"]}),
                strict=True,
            )
        )
        made_by.update(dict.fromkeys(outputs, part["file"]))
    whole = session_of(path)
    for output, expected in zip(whole.get_outputs(), whole.run(None, feeds), strict=True):
        assert np.allclose(pool[output.name], expected, atol=1e-5)


def session_of(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def test_external_weights_are_packed_by_part(tmp_path: Path) -> None:
    path = EXPORTS / "external_data" / "dy.onnx"
    with pytest.raises(UsageError, match="--copy-data"):
        rewriter.split(path, "body.2", tmp_path / "parts")
    assert not (tmp_path / "parts").exists()
    found = rewriter.split(path, "body.2", tmp_path / "parts", copy_data=True)
    data = sorted((tmp_path / "parts").glob("*.data"))
    assert [each.name for each in data] == ["part-0.onnx.data", "part-1.onnx.data"]
    assert set(found.outputs) == set((tmp_path / "parts").iterdir())
    assert sum(each.stat().st_size for each in data) < 1.1 * path.with_suffix(".onnx.data").stat().st_size
    for part in ("part-0.onnx", "part-1.onnx"):
        onnx.checker.check_model(str(tmp_path / "parts" / part), full_check=True)


def test_parts_beside_the_model_refer_to_its_data(tmp_path: Path) -> None:
    for name in ("dy.onnx", "dy.onnx.data"):
        (tmp_path / name).write_bytes((EXPORTS / "external_data" / name).read_bytes())
    rewriter.split(tmp_path / "dy.onnx", "body.2", tmp_path, numbers=False)
    assert [path.name for path in tmp_path.glob("*.data")] == ["dy.onnx.data"]
    index = json.loads((tmp_path / "split.json").read_text())
    assert [part["data"] for part in index["parts"]] == [["dy.onnx.data"], ["dy.onnx.data"]]


def test_weights_that_several_parts_read_are_written_once(tmp_path: Path) -> None:
    """Each part needs its own file, if it has one, and the shared one, if it reads of it."""
    source = tmp_path / "from"
    source.mkdir()
    tied = model(TIED)
    for tensor, fill in zip(tied.graph.initializer, (1, 2, 3), strict=True):
        tensor.CopyFrom(onnx.numpy_helper.from_array(np.full((16,), fill, np.float32), tensor.name))
    onnx.save(tied, source / "m.onnx", save_as_external_data=True, location="w.data", size_threshold=0)
    rewriter.split(source / "m.onnx", ["l.1", "l.2"], tmp_path / "parts", copy_data=True, numbers=True)
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "parts").glob("*.data")}
    assert sizes == {"shared.data": 64, "part-1.onnx.data": 64, "part-2.onnx.data": 64}
    used = [external_locations(load(tmp_path / "parts" / f"part-{number}.onnx")) for number in range(3)]
    assert [sorted(each) for each in used] == [
        ["shared.data"],
        ["part-1.onnx.data"],
        ["part-2.onnx.data", "shared.data"],
    ]
    index = json.loads((tmp_path / "parts" / "split.json").read_text())
    assert [part["data"] for part in index["parts"]] == [sorted(each) for each in used]
    feeds = {"x": np.ones(16, np.float32)}
    (expected,) = session_of(source / "m.onnx").run(None, feeds)
    for number, (ends, given) in enumerate((("a", "x"), ("b", "a"), ("y", "b"))):
        (feeds[ends],) = session_of(tmp_path / "parts" / f"part-{number}.onnx").run(
            None, {given: feeds[given]}
        )
    assert (feeds["y"] == expected).all()


TIED = """
g (float[16] x) => (float[16] y)
<float[1] tied = {1}, float[1] one = {1}, float[1] two = {1}>
{
  ["/l.0/Add"] a = Add (x, tied)
  ["/l.1/Mul"] b = Mul (a, one)
  ["/l.2/Add"] c = Add (b, tied)
  ["/l.2/Mul"] y = Mul (c, two)
}
"""


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="does not exist"):
        rewriter.split(model(CHAIN), "l.1", tmp_path / "no" / "parts")


def test_nothing_is_left_unless_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Check, "verdict", Verdict.NOT_PROVED)
    with pytest.raises(NotProved, match="nothing was written"):
        rewriter.split(model(CHAIN), "l.1", tmp_path / "parts", numbers=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("case", ["gpt2/ts_dyn", "unet/dy_dyn"])
def test_exports_at_every_module_that_is_repeated(case: str) -> None:
    analysis = pipeline.load(EXPORTS / f"{case}.onnx")
    rows = [[c for c in analysis.tree.children(m.path) if c.total_nodes] for m in analysis.tree]
    last = max((row for row in rows if row and row[-1].path.name.isdecimal()), key=len)[-1]
    found = parts(EXPORTS / f"{case}.onnx", last.path)
    assert len(found.parts) == 2
    assert found.crossing[1] > 0
