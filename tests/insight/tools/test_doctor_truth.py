"""Every rule of the doctor, shown true by the tool that it warns of.

For each there is a file that it fires for and one that it does not. The tool is run on both: what the rule
says must happen to the first and must not happen to the second.
"""

from __future__ import annotations

import math
import os
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner

from rewriter.cli import cli
from rewriter.insight.tools.examine import RULES, examine, installed
from rewriter.insight.tools.facts import NEEDED, Facts, facts_of
from rewriter.insight.tools.optimisers import SIM_NEWEST_IR
from rewriter.insight.tools.rule import Remedy, Rule
from rewriter.insight.tools.runtimes import NEWEST_IR, NEWEST_OPSET
from rewriter.pipeline.loader import read_model
from tests.insight.tools import files, tools
from tests.insight.tools.tools import notes_of, runs, value

Place = Callable[[Path], Path]
"""Writes a file into a folder and returns its path."""
Shows = Callable[[Path], bool]
"""Runs a tool on a file: whether it did what the rule says."""


@dataclass(frozen=True)
class Case:
    fires: Place
    quiet: Place
    shows: Shows


def case(fires: files.Make, quiet: files.Make, shows: Shows) -> Case:
    return Case(_placed(fires), _placed(quiet), shows)


def _placed(make: files.Make) -> Place:
    return lambda folder: files.save(make(), folder / "model.onnx")


def _external(*, linked: bool = False) -> Place:
    return lambda folder: files.save_external(folder / "model.onnx", linked=linked)


def _large(size: int) -> Place:
    return lambda folder: files.save_large(folder / "model.onnx", size)


def fails(run: Callable[[Path], object], *reasons: str) -> Shows:
    """The tool ends with an error that says one of these words."""

    def shows(path: Path) -> bool:
        try:
            run(path)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            assert any(reason in text for reason in reasons), text
            return True
        return False

    return shows


def loses(tool: tools.Rewriting, count: Callable[[onnx.ModelProto], int]) -> Shows:
    """What the tool writes has less of something than what it was given."""

    def shows(path: Path) -> bool:
        before, after = count(onnx.load(path)), count(tool(path))
        return after < before

    return shows


def idle(tool: tools.Rewriting, operator: str) -> Shows:
    """The operators that the tool is there to take away still stand in functions."""

    def shows(path: Path) -> bool:
        after = tool(path)
        return operator in {node.op_type for function in after.functions for node in function.node}

    return shows


def no_session(tool: tools.Rewriting) -> Shows:
    """The checker passes what the tool wrote, or not; onnxruntime does not take it."""
    return lambda path: not runs(tool(path))


def invalid(tool: tools.Rewriting) -> Shows:
    """The checker refuses what the tool wrote; onnxruntime takes it."""

    def shows(path: Path) -> bool:
        made = tool(path)
        assert runs(made)
        return fails(lambda path: onnx.checker.check_model(made), "in initializer but not in graph input")(
            path
        )

    return shows


def _can_be_fed(model: onnx.ModelProto) -> int:
    """Initializers that are the defaults of inputs."""
    filled = {tensor.name for tensor in model.graph.initializer}
    return len(filled & {info.name for info in model.graph.input}) if model.ir_version >= 4 else 0


def without_functions(tool: tools.Rewriting) -> Shows:
    return lambda path: bool(onnx.load(path).functions) and not tool(path).functions


def changed(tool: Callable[[Path], float], meant: Callable[[Path], float]) -> Shows:
    """The model computes something else after the tool, or in it."""
    return lambda path: abs(tool(path) - meant(path)) > 1e-3


def _kernels(path: Path) -> list[str]:
    return [node.name for node in tools.optimised(path).graph.node]


def _grows(path: Path) -> bool:
    before = onnx.load(path)
    there = len(before.graph.node) + sum(len(each.node) for each in before.functions)
    return len(tools.inlined(path).graph.node) > 10 * there


def _inner_shapes_missing(path: Path) -> bool:
    model = onnx.load(path)
    names = [n.output[0] for nodes in (model.graph.node, *(f.node for f in model.functions)) for n in nodes]
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    known = {info.name for info in (*inferred.graph.value_info, *inferred.graph.output)}
    known |= {info.name for function in inferred.functions for info in function.value_info}
    results = {name for function in model.functions for name in function.output}
    return not set(names) - results <= known


def _slow(path: Path) -> bool:
    """Loading takes more than twice as long as the flat model, the best of five."""
    tools.inlined_to(path, flat := path.with_name("flat.onnx"))
    return tools.seconds_to_load(path) > 2 * tools.seconds_to_load(flat)


def _same_names_but_for_a_token(path: Path) -> bool:
    return any("_token_" in name for name in _kernels(path))


def _bound(bounds: Mapping[str, int], name: str) -> int:
    """The bound of a rule in the version that is installed."""
    rules = (rule for rule in RULES if rule.name == name)
    return bounds[next(rule.since for rule in rules if rule.holds_for(installed(rule.tool)))]


def documents(model: onnx.ModelProto) -> int:
    return sum(
        map(bool, (model.doc_string, model.graph.doc_string, *(n.doc_string for n in model.graph.node)))
    )


def quantization(model: onnx.ModelProto) -> int:
    return len(model.graph.quantization_annotation)


def trainings(model: onnx.ModelProto) -> int:
    return len(model.training_info)


def identities(model: onnx.ModelProto) -> int:
    """Functions that a call can tell from each other."""
    return len({(each.domain, each.name, each.overload) for each in model.functions})


def model_notes(model: onnx.ModelProto) -> int:
    return len(model.metadata_props)


def function_types(model: onnx.ModelProto) -> int:
    return sum(len(each.value_info) for each in model.functions)


SORTED = "must be topologically sorted"
BRANCHES = (files.branches(swapped=True), files.branches())
IDLE = (files.wasteful_function, files.wasteful)
NOTED = (files.noted, files.flat)
CALLED = (files.function, files.flat)

CASES: dict[str, Case] = {
    "onnxruntime/functions": case(
        *CALLED, lambda path: all(name.startswith("_inlfunc_lin_") for name in _kernels(path))
    ),
    "onnxruntime/shared-functions": case(files.called_twice, files.function, _same_names_but_for_a_token),
    "onnxruntime/metadata": case(files.noted_waste, files.wasteful, loses(tools.optimised, notes_of)),
    "onnxruntime/depth": case(files.nested(60), files.nested(1), _slow),
    "onnxruntime/function-opset": case(
        files.softmax(11), files.softmax(17), changed(lambda p: value(onnx.load(p)), tools.value_by_function)
    ),
    "onnxruntime/ir-version": case(
        files.of_ir(_bound(NEWEST_IR, "onnxruntime/ir-version") + 1),
        files.of_ir(_bound(NEWEST_IR, "onnxruntime/ir-version")),
        fails(tools.session, "IR version"),
    ),
    "onnxruntime/opset": case(
        files.of_opset(_bound(NEWEST_OPSET, "onnxruntime/opset") + 1),
        files.of_opset(_bound(NEWEST_OPSET, "onnxruntime/opset")),
        fails(tools.session, "opset"),
    ),
    "onnxruntime/overloads": case(
        files.overloaded(twins=True),
        files.overloaded(twins=False),
        changed(lambda p: value(onnx.load(p)), lambda p: math.exp(math.sin(-1))),
    ),
    "onnxruntime/inner-overloads": case(
        files.overloaded(twins=True, inner=True),
        files.overloaded(twins=False, inner=True),
        changed(lambda p: value(onnx.load(p)), lambda p: math.exp(math.sin(-1))),
    ),
    "onnxruntime/operator-functions": case(
        files.called("Gather", 1), files.called("Gather", 2), tools.aborts
    ),
    "onnxruntime/constant-functions": case(
        files.called("Constant", 1), files.called("Constants", 1), fails(tools.session, "Constant", "attr")
    ),
    "onnxruntime/listed-constants": case(files.listed_folding, files.folding, invalid(tools.optimised)),
    "onnxruntime-quantization/listed-constants": case(files.listed, files.flat, invalid(tools.quantised)),
    "onnx/extract-listed-constants": case(
        files.listed,
        files.flat,
        fails(lambda path: tools.cut(path, "t"), "in initializer but not in graph input"),
    ),
    "onnxslim/listed-constants": case(files.listed, files.flat, invalid(tools.slimmed)),
    "onnx-graphsurgeon/listed-constants": case(files.listed, files.flat, invalid(tools.operated)),
    "onnxoptimizer/listed-constants": case(
        files.listed,
        files.flat,
        lambda path: _can_be_fed(tools.trimmed(path)) > _can_be_fed(onnx.load(path)),
    ),
    "onnxruntime/bytes": Case(
        _external(), _placed(files.flat), fails(tools.session_of_bytes, "external", "w.data")
    ),
    "onnxruntime-quantization/functions": case(*CALLED, idle(tools.quantised, "MatMul")),
    "onnxruntime-quantization/metadata": case(
        files.noted,
        files.noted_function,
        lambda path: notes_of(tools.quantised(path)) < notes_of(onnx.load(path)),
    ),
    "onnxruntime-quantization/preprocess": case(*CALLED, without_functions(tools.preprocessed)),
    "onnxruntime-transformers/functions": case(
        files.wasteful_function, files.wasteful, idle(tools.fused, "Transpose")
    ),
    "onnxruntime-transformers/float16": case(
        files.scaled, files.function, no_session(tools.halved_by_runtime)
    ),
    "onnxconverter-common/float16": case(files.scaled, files.function, no_session(tools.halved)),
    "openvino/functions": case(*CALLED, fails(tools.read_by_openvino, "f.lin")),
    "onnx/version-converter-functions": case(*CALLED, no_session(tools.converted)),
    "onnx/version-converter-metadata": case(*NOTED, loses(tools.converted, notes_of)),
    "onnx/inliner-defaults": case(
        files.defaults(stated=False),
        files.defaults(stated=True),
        changed(lambda p: value(tools.inlined(p)), lambda p: value(onnx.load(p))),
    ),
    "onnx/inliner-growth": case(lambda: files.doubling(8), lambda: files.doubling(2), _grows),
    "onnx/shape-inference": case(*CALLED, _inner_shapes_missing),
    "onnx/reference-order": case(
        files.ordered(callee_first=False), files.ordered(callee_first=True), fails(tools.evaluated, "unknown")
    ),
    "onnx/checker-functions": case(
        files.many_functions(10_001),
        files.many_functions(10_000),
        fails(tools.checked, "10001 local functions"),
    ),
    "onnx/checker-size": Case(
        _large(1 << 31), _large(1 << 20), fails(tools.checked, "serialize", "2GB", "2GiB")
    ),
    "onnx/links": Case(_external(linked=True), _external(), fails(onnx.load, "link")),
    "onnx/extract-functions": case(*CALLED, fails(lambda path: tools.cut(path, "t"), "t")),
    "onnx/extract-metadata": case(
        files.model_noted, files.flat, loses(lambda path: tools.cut(path, "t"), model_notes)
    ),
    "onnx/compose-names": case(files.named("Relu"), files.named("lin"), no_session(tools.prefixed)),
    "onnxslim/functions": case(*IDLE, idle(tools.slimmed, "Transpose")),
    "onnxslim/metadata": case(*NOTED, loses(tools.slimmed, notes_of)),
    "onnxslim/overloads": case(
        files.overloaded(twins=True), files.overloaded(twins=False), loses(tools.slimmed, identities)
    ),
    "onnxslim/documents": case(files.documented, files.flat, loses(tools.slimmed, documents)),
    "onnxslim/quantization-annotations": case(
        files.annotated, files.flat, loses(tools.slimmed, quantization)
    ),
    "onnxslim/training": case(files.training, files.flat, loses(tools.slimmed, trainings)),
    "onnxsim/functions": case(*IDLE, idle(tools.simplified, "Transpose")),
    "onnxsim/metadata": case(*NOTED, loses(tools.simplified, notes_of)),
    "onnxsim/quantization-annotations": case(
        files.annotated, files.flat, loses(tools.simplified, quantization)
    ),
    "onnxsim/training": case(files.training, files.flat, loses(tools.simplified, trainings)),
    "onnxsim/functions-dropped": case(*CALLED, no_session(tools.simplified)),
    "onnxsim/ir-version": case(
        files.of_ir(_bound(SIM_NEWEST_IR, "onnxsim/ir-version") + 1),
        files.of_ir(_bound(SIM_NEWEST_IR, "onnxsim/ir-version")),
        fails(tools.simplified, "ir_version"),
    ),
    "onnxoptimizer/functions": case(*IDLE, idle(tools.trimmed, "Transpose")),
    "onnxoptimizer/metadata": case(*NOTED, loses(tools.trimmed, notes_of)),
    "onnxscript/functions": case(*CALLED, without_functions(tools.folded)),
    "onnxscript/sparse": case(files.sparse, files.flat, no_session(tools.folded)),
    "onnx-graphsurgeon/metadata": case(*NOTED, loses(tools.operated, notes_of)),
    "onnx-graphsurgeon/model-metadata": case(
        files.model_noted, files.flat, loses(tools.operated, model_notes)
    ),
    "onnx-graphsurgeon/documents": case(files.documented, files.flat, loses(tools.operated, documents)),
    "onnx-graphsurgeon/overloads": case(
        files.overloaded(twins=True), files.overloaded(twins=False), loses(tools.operated, identities)
    ),
    "onnx-graphsurgeon/function-types": case(
        files.typed_function, files.function, loses(tools.operated, function_types)
    ),
    "onnx-graphsurgeon/quantization-annotations": case(
        files.annotated, files.flat, loses(tools.operated, quantization)
    ),
    "onnx-graphsurgeon/training": case(files.training, files.flat, loses(tools.operated, trainings)),
    "onnx-graphsurgeon/toposort": case(
        files.branching(called=True),
        files.branching(called=False),
        fails(tools.sorted_by_graphsurgeon, "Recursion"),
    ),
    "onnxruntime/order": case(BRANCHES[0], BRANCHES[1], fails(tools.session, "sorted")),
    "onnxruntime-quantization/order": case(BRANCHES[0], BRANCHES[1], fails(tools.calibrated, "sorted")),
    "openvino/order": case(BRANCHES[0], BRANCHES[1], fails(tools.read_by_openvino, "q")),
    "onnx/checker-order": case(files.unsorted, files.flat, fails(tools.checked, SORTED)),
    "onnx/reference-node-order": case(files.unsorted, files.flat, fails(tools.computed, "find input 't'")),
    "onnx/inliner-order": case(files.unsorted_function(), files.function, no_session(tools.inlined)),
    "onnxslim/order": case(files.reading_later, files.branching(called=False), no_session(tools.slimmed)),
    "onnxsim/order": case(files.unsorted, files.flat, fails(tools.simplified, SORTED)),
    "onnxscript/order": case(files.unsorted_function(), files.function, fails(tools.folded, "InlinePass")),
    "onnx-ir/sparse": case(files.sparse, files.flat, no_session(tools.carried)),
    "onnx-ir/training": case(files.training, files.flat, loses(tools.carried, trainings)),
}

LARGE = {"onnx/checker-size"}
BY_NAME = {rule.name: rule for rule in RULES}


def facts(path: Path) -> Facts:
    return facts_of(read_model(path, provable=False)[0], path)


def test_every_rule_has_a_case_and_a_name_of_its_own() -> None:
    names = Counter((rule.name, rule.since) for rule in RULES)
    assert [name for name, count in names.items() if count > 1] == []
    assert set(CASES) == set(BY_NAME)


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(
            rule, id=f"{rule.name}-{rule.since}".rstrip("-"), marks=pytest.mark.tools(rule.tool.package)
        )
        for rule in RULES
    ],
)
def test_what_a_rule_says_happens(rule: Rule, tmp_path: Path) -> None:
    if installed(rule.tool) is None:
        pytest.skip(f"{rule.tool.package} is not installed: 'pip install .[downstream]' has it")
    if not rule.holds_for(installed(rule.tool)):
        span = f"{rule.since or rule.tool.measured[0]} to {rule.before or rule.tool.measured[-1]}"
        pytest.skip(f"{rule.name} is about {rule.tool.package} {span}")
    if rule.name in LARGE and not os.environ.get("REWRITER_LARGE"):
        pytest.skip("it needs 5 GB of memory: REWRITER_LARGE=1 runs it")
    case = CASES[rule.name]
    for name, place, expected in (("fires", case.fires, True), ("quiet", case.quiet, False)):
        folder = tmp_path / name
        folder.mkdir()
        path = place(folder)
        assert bool(rule.because(facts(path))) is expected, name
        assert case.shows(path) is expected, name
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_every_operator_that_onnxruntime_looks_at_by_name_ends_it(name: str, tmp_path: Path) -> None:
    rule = BY_NAME["onnxruntime/operator-functions"]
    if not rule.holds_for(installed(rule.tool)):
        pytest.skip(f"{rule.name} is about {rule.tool.package} {rule.since} and newer")
    short = files.save(files.called(name, NEEDED[name] - 1)(), tmp_path / "short.onnx")
    enough = files.save(files.called(name, NEEDED[name])(), tmp_path / "enough.onnx")
    assert (tools.aborts(short), tools.aborts(enough)) == (True, False)
    assert (facts(short).short_calls, facts(enough).short_calls) == (1, 0)


def test_onnxsim_mends_listed_constants(tmp_path: Path) -> None:
    made = tools.simplified(files.save(files.listed(), tmp_path / "model.onnx"))
    assert facts_of(made).listed_constants == 0
    onnx.checker.check_model(made)


MENDED = [rule for rule in RULES if "rewriter flatten" in rule.mend]


@pytest.mark.parametrize("rule", MENDED, ids=lambda rule: f"{rule.name}-{rule.since}".rstrip("-"))
def test_flatten_mends_what_it_is_said_to_mend(rule: Rule, tmp_path: Path) -> None:
    path, target = CASES[rule.name].fires(tmp_path), tmp_path / "flat.onnx"
    done = CliRunner().invoke(cli, ["flatten", str(path), "-o", str(target), "--foreign", "--no-numbers"])
    assert done.exit_code == 0, done.output
    assert not rule.because(facts(target))


UNSORTED: dict[str, files.Make] = {
    "main": files.unsorted,
    "capture": files.reading_later,
    "branch": files.branches(swapped=True),
    "function": files.unsorted_function(),
    "idle": files.unsorted_function(called=False),
    "branch of function": files.branches("function", swapped=True),
}


@pytest.mark.parametrize("name", UNSORTED)
def test_what_refuses_unsorted_nodes_wherever_they_stand(name: str, tmp_path: Path) -> None:
    path = files.save(UNSORTED[name](), tmp_path / "model.onnx")
    found = {finding.rule.name for finding in examine(facts(path)).findings}
    ways = {
        "onnx/checker-order": fails(tools.checked, SORTED),
        "onnx/reference-node-order": fails(tools.computed, "find input"),
        "onnxruntime/order": fails(tools.session, "sorted", "Input 0 expected to have type"),
    }
    assert {rule for rule, shows in ways.items() if shows(path)} == found & set(ways)
    assert "onnxsim/order" in found


@pytest.mark.tools("onnx-ir")
@pytest.mark.parametrize("name", UNSORTED)
def test_onnx_ir_sorts_nodes_as_the_mend_says(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx_ir", reason="onnx-ir is not installed: 'pip install .[downstream]' has it")
    path = files.save(UNSORTED[name](), tmp_path / "it's a model.onnx")
    mend = next(each.mend for each in examine(facts(path), path).findings if each.rule.mend == Remedy.SORT)
    (python, *arguments) = shlex.split(mend.partition("onnx-ir: ")[2])
    assert python == "python"
    subprocess.run([sys.executable, *arguments], check=True)
    made = tmp_path / "it's a model.sorted.onnx"
    onnx.checker.check_model(onnx.load(made), full_check=True)
    assert not any(rule.mend == Remedy.SORT and rule.because(facts(made)) for rule in RULES)
    assert runs(onnx.load(made))
