"""A piece comes out of one body: nodes of two branches, or of a branch and outside of it, are no model."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from rewriter import pipeline
from rewriter.cli import main
from rewriter.cutting.check import Checking
from rewriter.cutting.extract import Extraction, extract
from rewriter.cutting.split import parse_cuts, plan_split
from rewriter.errors import CannotCut, UsageError
from tests.build import model

ONCE = Checking(sets=1)
BOTH = """
g (float[2] x, bool c) => (float[2] y) <float[2] w = {1.0, 2.0}>
{
  ["/pre/Neg"] p = Neg (x)
  ["/If"] y = If (c) <
    then_branch = t () => (float[2] a) { ["/enc/fc/Mul"] m = Mul (p, w)  ["/one/Abs"] a = Abs (m) },
    else_branch = e () => (float[2] b) { ["/enc/fc/Mul"] n = Mul (x, w)  ["/two/Neg"] b = Neg (n) }>
}
"""
LOOP = """
g (float[2] x, float[2] z) => (float[2] y)
{
  three = Constant <value = int64 {3}> ()
  ["/a/Neg"] n = Neg (x)
  ["/Loop"] l = Loop (three, "", n) <body =
    b (int64 step, bool go, float[2] state) => (bool go, float[2] next) {["/a/Abs"] next = Abs (state)}>
  ["/c/Add"] y = Add (l, z)
}
"""
# The weight's other name and the constant of the else branch are placed in `a`, which computes in one branch.
CONSTANTS = """
g (float[2] x, bool c) => (float[2] y) <float[2] w = {1.0, 2.0}>
{
  ["/a/Identity"] v = Identity (w)
  ["/If"] y = If (c) <
    then_branch = t () => (float[2] p) { ["/a/Mul"] q = Mul (x, v)  ["/b/Neg"] p = Neg (q) },
    else_branch = e () => (float[2] r) { ["/a/Constant"] k = Constant <value = float {2.0}> ()
                                         ["/d/Mul"] r = Mul (x, k) }>
}
"""


def taken(source: onnx.ModelProto, *modules: str) -> Extraction:
    return extract(pipeline.load(source), modules, checking=ONCE)


def taken_call(source: onnx.ModelProto, call: str) -> Extraction:
    return extract(pipeline.load(source), ["enc"], call=call, checking=ONCE)


def test_two_branches_are_no_model() -> None:
    where = "are in then_branch of '/If' and in else_branch of '/If', which cannot be one model"
    with pytest.raises(CannotCut, match=where):
        taken(model(BOTH), "one", "two")


@pytest.mark.parametrize("module", ["enc", "enc.fc"])
def test_a_module_in_two_branches_has_a_call_in_each(module: str) -> None:
    calls = r"calls are 0 or then \(then_branch of '/If'\), 1 or else \(else_branch of '/If'\)"
    with pytest.raises(UsageError, match=calls):
        taken(model(BOTH), module)
    for call in (1, "1", "else"):
        found = extract(pipeline.load(model(BOTH)), [module], call=call, checking=ONCE)
        assert (found.piece.inputs, found.piece.outputs) == (("x",), ("n",))
        assert str(found.wanted) == f"{module}@{call}"


@pytest.mark.parametrize("call", ["body", "2", "-1", ""])
def test_a_call_that_is_not_there_is_refused(call: str) -> None:
    with pytest.raises(UsageError, match=rf"enc has no call {call}; its calls are 0 or then \(then_branch"):
        taken_call(model(BOTH), call)


def test_a_body_and_what_is_outside_of_it_are_no_model() -> None:
    with pytest.raises(CannotCut, match="are in the main graph and in then_branch of '/If'"):
        taken(model(BOTH), "pre", "one")
    with pytest.raises(UsageError, match=r"0 \(the main graph\), 1 or body \(body of '/Loop'\)"):
        taken(model(LOOP), "a")


def test_nothing_is_written_and_the_line_names_file_and_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "both.onnx"
    onnx.save_model(model(BOTH), source)
    output = tmp_path / "piece.onnx"
    with pytest.raises(SystemExit) as left:
        main(["extract", str(source), "one", "two", "-o", str(output)])
    assert left.value.code == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith(f"rewriter: {source}: one, two: its nodes are in ")
    assert "choose a module or a call whose nodes are in one of them" in line
    assert [each.name for each in tmp_path.iterdir()] == [source.name]


@pytest.mark.parametrize("call", [None, 0, "then"])
def test_a_module_in_one_branch_is_cut(call: int | str | None) -> None:
    found = extract(pipeline.load(model(BOTH)), ["one"], call=call, checking=ONCE)
    assert (found.piece.inputs, found.piece.outputs) == (("m",), ("a",))


def test_nodes_of_a_body_may_bear_the_name_of_a_node_outside() -> None:
    source = model(BOTH)
    inner = source.graph.node[1].attribute[0].g.node[1]
    for node, module in ((source.graph.node[0], "pre"), (inner, "one")):
        node.name = "same"
        node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=f"['', '{module}', 'n']")
    found = taken(source, "one")
    assert [node.name for node in found.model.graph.node] == ["same"]
    assert found.check is not None
    assert found.check.numeric is not None
    assert found.check.numeric.exact


def test_constants_of_other_bodies_stay_there() -> None:
    found = taken(model(CONSTANTS), "a")
    assert [node.op_type for node in found.model.graph.node] == ["Identity", "Mul"]
    assert (found.piece.inputs, found.piece.outputs) == (("x",), ("q",))
    assert found.check is not None
    assert found.check.verdict == "equal"


def test_constants_alone_in_two_branches_are_no_model() -> None:
    text = (
        CONSTANTS.replace("/a/Mul", "/b/Mul")
        .replace("/a/Identity", "/b/Identity")
        .replace('["/b/Neg"] p', '["/a/Constant_1"] j = Constant <value = float {3.0}> ()  ["/b/Neg"] p')
    )
    with pytest.raises(UsageError, match=r"then_branch of '/If'.*else_branch of '/If'"):
        taken(model(text), "a")


def test_many_bodies_are_counted_not_listed() -> None:
    ifs = "\n".join(
        f"""["/If_{n}"] y{n} = If (c) <
        then_branch = t{n} () => (float[2] a{n}) {{ ["/m{n}/Abs"] a{n} = Abs (x) }},
        else_branch = e{n} () => (float[2] b{n}) {{ ["/n{n}/Neg"] b{n} = Neg (x) }}>"""
        for n in range(3)
    )
    text = f'g (float[2] x, bool c) => (float[2] y) {{ {ifs} ["/s/Sum"] y = Sum (y0, y1, y2) }}'
    with pytest.raises(CannotCut, match="then_branch of '/If_1' and in 3 more, which"):
        taken(model(text), *(f"{name}{n}" for name in "mn" for n in range(3)))


def test_a_cut_before_nodes_of_the_main_graph_and_of_a_body_is_refused() -> None:
    analysis = pipeline.load(model(LOOP))
    with pytest.raises(UsageError, match=r"0 \(the main graph\), 1 or body \(body of '/Loop'\)"):
        plan_split(analysis, parse_cuts(analysis, ["a"]), ONCE)
    branches = pipeline.load(model(BOTH))
    with pytest.raises(CannotCut, match="cut before the module that owns that node"):
        plan_split(branches, parse_cuts(branches, ["one"]), ONCE)
