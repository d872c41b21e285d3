from __future__ import annotations

from pathlib import Path

from rewriter import pipeline
from rewriter.cutting.extract import extract
from rewriter.insight.comparison.module_diff import diff
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.build import analyse
from rewriter.paths import ModulePath
from tests.build import model

CONSTANT = "k = Constant<value = float {2}>()"


def branched(
    *, before: str = "", then: str, otherwise: str, owner: str = "If", after: str = "y = Relu(z)"
) -> Analysis:
    """Build a graph with one If, named `owner`."""
    text = f"""g (bool c, float[2] x) => (float[2] y) <float[2] "enc.fc.weight" = {{1,2}}> {{
      {before or "h = Identity(x)"}
      ["{owner}"] z = If(c) <then_branch = t () => (float[2] u) {{ {then} }},
                             else_branch = e () => (float[2] v) {{ {otherwise} }}>
      {after}
    }}"""
    return analyse(GraphIndex(model(text)))


def step(scope: str, out: str, into: str = "h") -> str:
    return f'["/{scope}/Mul"] {out} = Mul({into}, "enc.fc.weight")'


def calls(analysis: Analysis) -> dict[str, int]:
    """Return module below the root -> number of its calls."""
    return {module.path: module.calls for module in analysis.tree if module.path}


def test_a_module_in_both_branches_is_called_in_each() -> None:
    found = branched(then=step("enc/fc", "u"), otherwise=step("enc/fc", "v"))
    assert calls(found) == {"enc": 2, "enc.fc": 2}
    branches = found.tree.placements[2:4]
    assert [place.call for place in branches if place] == [0, 1]


def test_in_the_main_graph_and_in_a_branch() -> None:
    found = branched(before=step("enc/fc", "h", "x"), then=step("enc/fc", "u"), otherwise="v = Neg(h)")
    assert calls(found) == {"enc": 2, "enc.fc": 2}


def test_a_module_that_holds_the_branches_is_called_once() -> None:
    found = branched(
        before=step("enc/pre", "h", "x"), owner="/enc/If",
        then=step("enc/fc", "u"), otherwise=step("enc/fc", "v"), after='["/enc/Relu"] y = Relu(z)',
    )  # fmt: skip
    assert calls(found) == {"enc": 1, "enc.pre": 1, "enc.fc": 2}


def test_values_that_go_there_and_back_tell_whose_the_branches_are() -> None:
    found = branched(
        before='["/enc/Relu"] h = Relu(x)', owner="",
        then='["/enc/Neg"] u = Neg(h)', otherwise='["/enc/Abs"] v = Abs(h)',
        after='["/enc/Relu_1"] y = Relu(z)',
    )  # fmt: skip
    assert calls(found)["enc"] == 1


def test_constants_are_no_call() -> None:
    found = branched(
        then=f'["/enc/Constant"] {CONSTANT} ["/enc/Mul"] u = Mul(h, k)',
        otherwise=f'["/enc/Constant_1"] {CONSTANT} v = Mul(h, k)',
    )
    assert calls(found)["enc"] == 1


def test_constants_of_a_branch_belong_to_the_call_there() -> None:
    chain = f'["/enc/Constant"] {CONSTANT} ["/enc/Neg"] n = Neg(k)'
    found = branched(then=step("enc", "u"), otherwise=f'{chain} ["/enc/Mul_1"] v = Mul(h, n)')
    assert [place.call for place in found.tree.placements[2:6] if place] == [0, 1, 1, 1]


def test_a_child_of_one_branch_belongs_to_the_call_there() -> None:
    both = '["/enc/Neg"] a = Neg(h)'
    found = branched(then=f"{both} u = Abs(a)", otherwise=f"{both} {step('enc/cross', 'v', 'a')}")
    assert calls(found) == {"enc": 2, "enc.cross": 1, "enc.fc": 0}
    piece = extract(found, ["enc"], call=1)
    assert [node.op_type for node in piece.model.graph.node] == ["Neg", "Mul"]


def test_a_written_tree_is_read_back_alike(tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    found = branched(then=step("enc/fc", "u"), otherwise=step("enc/fc", "v"))
    pipeline.rewrite(found.model, output, pipeline.Options(numbers=False))
    assert calls(pipeline.load(output)) == calls(found)


def test_a_difference_in_calls_is_told() -> None:
    both = branched(then=step("enc/fc", "u"), otherwise=step("enc/fc", "v"))
    one = branched(then=step("enc/fc", "u"), otherwise="v = Neg(h)")
    told = {module.path: module.changes for module in diff(one, both, numbers=False).modules}
    assert [(change.name, change.before, change.after) for change in told[ModulePath("enc")]] == [
        ("calls", "1", "2")
    ]
