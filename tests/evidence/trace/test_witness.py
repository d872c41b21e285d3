"""Nodes are placed by the values that they compute, with calls recorded by hand, without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
import pytest

from rewriter.evidence.claims import Source, Testimony
from rewriter.evidence.trace import witness as activations
from rewriter.evidence.trace.recording import Recorder, Trace
from rewriter.evidence.trace.witness import OTHER_RESULTS, STRANGE, compare
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath
from rewriter.runtime.compare.fingerprints import fingerprint
from rewriter.runtime.inputs.feeds import Array
from tests.build import model

RNG = np.random.default_rng(4)


@dataclass
class Run:
    """A run of an imaginary module; its tensors are also used as the values of the file."""

    x: Array = field(default_factory=lambda: RNG.standard_normal((2, 3, 4)))
    recorder: Recorder = field(default_factory=lambda: Recorder("pkg.Model"))

    def __post_init__(self) -> None:
        self.number = self.recorder.value(self.x, given=True)

    def step(self, operator: str, array: Array, *inputs: int) -> int:
        value = self.recorder.value(array)
        self.recorder.step(operator, inputs, [value])
        return value

    def call(self, module: str, operator: str, array: Array, value: int) -> int:
        """Record a call of a module that runs one operator."""
        self.recorder.enter(module, f"pkg.{module.rpartition('.')[2].title()}", [value])
        result = self.step(operator, array, value)
        self.recorder.leave([result])
        return result


def claims(graph: onnx.ModelProto, run: Run, **values: Array) -> dict[str, tuple[str, int | None]]:
    """Return node -> its module and call."""
    index = GraphIndex(graph)
    found = compared(index, run, **values)
    assert {claim.source for claim in found.claims} <= {Source.ACTIVATION}
    return {index.nodes[claim.node].name: (claim.module, claim.call) for claim in found.claims}


def compared(index: GraphIndex, run: Run, **values: Array) -> Testimony:
    prints = {name: print_ for name, array in values.items() if (print_ := fingerprint(array))}
    given = fingerprint(run.x)
    assert given is not None
    return compare(index, [run.recorder.recording()], prints, {"x": given})


def noisy(array: Array) -> Array:
    """Return an array with the rounding errors of another implementation."""
    return array * (1 + 1e-5 * RNG.standard_normal(array.shape))


def test_a_value_of_a_call_places_its_node_there() -> None:
    graph = model("""g (float[2,3,4] x) => (float[2,3,4] y) { ["n0"] a = Tanh(x) ["n1"] y = Sin(a) }""")
    run = Run()
    a, y = np.tanh(run.x), np.sin(np.tanh(run.x))
    run.call("up.second", "sin", y, run.call("first", "tanh", a, run.number))
    assert claims(graph, run, a=noisy(a), y=noisy(y)) == {"n0": ("first", 0), "n1": ("up.second", 0)}


def test_calls_of_one_module_are_counted() -> None:
    graph = model("""g (float[2,3,4] x) => (float[2,3,4] y) { ["n0"] a = Tanh(x) ["n1"] y = Tanh(a) }""")
    run = Run()
    a = np.tanh(run.x)
    run.call("act", "tanh", np.tanh(a), run.call("act", "tanh", a, run.number))
    found = compared(GraphIndex(graph), run, a=a, y=np.tanh(a))
    assert [(claim.module, claim.call) for claim in found.claims] == [("act", 0), ("act", 1)]
    assert found.calls == {"": 1, "act": 2}
    assert found.classes == {"": "pkg.Model", "act": "pkg.Act"}
    assert found.called == {"", "act"}


def test_what_lies_between_the_inputs_and_results_of_a_call_is_the_calls() -> None:
    """The norm is one operator in torch and three in the file."""
    graph = model(
        """g (float[2,3,4] x) => (float[2,3,4] y) {
        ["n0"] a = Tanh(x) ["n1"] m = ReduceMean(a) ["n2"] d = Sub(a, m) ["n3"] y = Sin(d) }"""
    )
    run = Run()
    a = np.tanh(run.x)
    m = np.full((1, 1, 1), a.mean())
    run.call("norm", "norm", np.sin(a - m), run.call("act", "tanh", a, run.number))
    found = claims(graph, run, a=a, m=m, d=a - m, y=np.sin(a - m))
    assert found == {"n0": ("act", 0), "n1": ("norm", 0), "n2": ("norm", 0), "n3": ("norm", 0)}


def test_calls_alone_are_enough() -> None:
    """Without operators, a value belongs to the call that first returns it, or its reader's caller."""
    graph = model(
        """g (float[2,3,4] x) => (float[2,3,4] y) {
        ["n0"] a = Tanh(x) ["n1"] b = Sin(a) ["n2"] c = Neg(b) ["n3"] y = Tanh(c) }"""
    )
    run = Run()
    a = np.tanh(run.x)
    b, c = np.sin(a), -np.sin(a)
    numbers = [run.recorder.value(array) for array in (b, c, np.tanh(c))]
    run.recorder.enter("first", None, [run.number])
    run.recorder.leave(numbers[:1])
    run.recorder.enter("last", None, numbers[1:2])
    run.recorder.leave(numbers[2:])
    found = claims(graph, run, a=a, b=b, c=c, y=np.tanh(c))
    assert found == {"n0": ("first", 0), "n1": ("first", 0), "n2": ("", 0), "n3": ("last", 0)}


def test_reshapes_of_one_value_are_told_apart_by_shape() -> None:
    graph = model(
        """g (float[2,3,4] x) => (float[6,4] y) <int64[2] flat = {6, 4}, int64[3] back = {2, 3, 4}> {
        ["n0"] a = Tanh(x) ["n1"] b = Reshape(a, flat) ["n2"] c = Reshape(b, back)
        ["n3"] y = Reshape(c, flat) }"""
    )
    run = Run()
    a = np.tanh(run.x)
    b = run.call("flatten", "view", a.reshape(6, 4), run.call("act", "tanh", a, run.number))
    c = run.call("raise", "view", a, b)
    run.call("again", "view", a.reshape(6, 4), c)
    found = claims(graph, run, a=a, b=a.reshape(6, 4), c=a, y=a.reshape(6, 4))
    assert {name: place for name, (place, _) in found.items()} == {
        "n0": "act",
        "n1": "flatten",
        "n2": "raise",
        "n3": "again",
    }


def test_what_was_computed_once_for_two_calls_is_the_first_ones() -> None:
    graph = model(
        """g (float[2,3,4] x) => (float[2,3,4] y) {
        ["n0"] a = Tanh(x) ["n1"] b = Sin(a) ["n2"] c = Exp(a) ["n3"] y = Add(b, c) }"""
    )
    run = Run()
    a = np.tanh(run.x)
    results = []
    for module, operator, array in (("one", "sin", np.sin(a)), ("two", "exp", np.exp(a))):
        run.recorder.enter(module, None, [run.number])
        results.append(run.step(operator, array, run.step("tanh", a, run.number)))
        run.recorder.leave(results[-1:])
    run.step("add", np.sin(a) + np.exp(a), *results)
    found = claims(graph, run, a=a, b=np.sin(a), c=np.exp(a), y=np.sin(a) + np.exp(a))
    assert found == {"n0": ("one", 0), "n1": ("one", 0), "n2": ("two", 0), "n3": ("", 0)}


def test_a_cast_that_torch_left_out_goes_with_what_reads_it() -> None:
    graph = model(
        """g (float[2,3,4] x) => (float[2,3,4] y) {
        ["n0"] a = Tanh(x) ["n1"] b = Cast<to = 1>(a) ["n2"] y = Sin(b) }"""
    )
    run = Run()
    a = np.tanh(run.x)
    run.call("norm", "sin", np.sin(a), run.call("act", "tanh", a, run.number))
    assert claims(graph, run, a=a, b=a, y=np.sin(a))["n1"] == ("norm", 0)


@pytest.mark.parametrize("attribute", ["", '<auto_pad = "NOTSET">'])
def test_a_convolution_with_a_folded_norm_belongs_to_the_convolution(attribute: str) -> None:
    graph = model(
        f"""g (float[1,1,4,4] x) => (float[1,1,4,4] y) <float[1,1,1,1] w = {{2}}>
        {{ ["n0"] y = Conv{attribute}(x, w) }}"""
    )
    run = Run(RNG.standard_normal((1, 1, 4, 4)))
    run.call("norm", "native_batch_norm", run.x * 2, run.call("conv", "convolution", run.x * 3, run.number))
    assert claims(graph, run, y=run.x * 2) == {"n0": ("conv", 0)}


def test_a_folded_value_is_not_taken_for_another_because_both_are_zero() -> None:
    graph = model(
        """g (float[1,1,4,4] x) => (float[1,1,4,4] y) <float[1,1,1,1] w = {0}>
        { ["n0"] a = Relu(x) ["n1"] y = Conv(a, w) }"""
    )
    run = Run(-np.abs(RNG.standard_normal((1, 1, 4, 4))))
    zero, shifted = np.zeros((1, 1, 4, 4)), np.arange(16.0).reshape(1, 1, 4, 4)
    dead = run.call("act", "relu", zero, run.number)
    run.call("norm", "native_batch_norm", shifted, run.call("conv", "convolution", zero, dead))
    assert claims(graph, run, a=zero, y=shifted)["n1"] == ("conv", 0)


def test_equal_constants_place_nothing() -> None:
    """All masks of ones are equal, so the content does not show that this one is the module's."""
    graph = model("""g (float[2,3,4] x) => (float[2,3,4] y) { ["n0"] y = Sign(x) }""")
    run = Run()
    run.call("mask", "new_ones", np.ones((2, 3, 4)), run.recorder.value(RNG.standard_normal(3), given=True))
    assert claims(graph, run, y=np.ones((2, 3, 4))) == {}


def test_a_module_that_is_not_the_files_says_nothing() -> None:
    graph = model("""g (float[2,3,4] x) => (float[2,3,4] y) { ["n0"] y = Tanh(x) }""")
    run = Run()
    run.call("act", "tanh", np.tanh(run.x), run.number)
    assert compared(GraphIndex(graph), run, y=np.tanh(run.x) * 1.1) == Testimony(notes=(STRANGE,))


def test_other_results_are_told() -> None:
    graph = model("""g (float[2,3,4] x) => (float[2,3,4] y) { ["n0"] a = Tanh(x) ["n1"] y = Sin(a) }""")
    run = Run()
    a = np.tanh(run.x)
    run.call("act", "tanh", a, run.number)
    found = compared(GraphIndex(graph), run, a=a, y=np.sin(a))
    assert found.notes == (OTHER_RESULTS,)
    assert [claim.module for claim in found.claims] == ["act"]


def test_the_recording_that_explains_more_counts() -> None:
    graph = model("""g (float[2,3,4] x) => (float[2,3,4] y) { ["n0"] a = Tanh(x) ["n1"] y = Sin(a) }""")
    x = RNG.standard_normal((2, 3, 4))
    less, more = Run(x), Run(x)
    a, y = np.tanh(x), np.sin(np.tanh(x))
    less.call("eager", "sin", y, less.number)
    more.call("second", "sin", y, more.call("first", "tanh", a, more.number))
    prints = {
        name: print_ for name, array in (("a", a), ("y", y), ("x", x)) if (print_ := fingerprint(array))
    }
    recordings = [run.recorder.recording() for run in (less, more)]
    found = compare(GraphIndex(graph), recordings, prints, {"x": prints["x"]})
    assert [claim.module for claim in found.claims] == ["first", "second"]


def test_the_file_is_run_on_the_sample_inputs() -> None:
    graph = model("""g (float[2,3,4] x) => (float[2,3,4] y) { ["n0"] a = Tanh(x) ["n1"] y = Sin(a) }""")
    run = Run(RNG.standard_normal((2, 3, 4)).astype(np.float32))
    a = np.tanh(run.x)
    run.call("second", "sin", np.sin(a), run.call("first", "tanh", a, run.number))
    found = activations.testify(GraphIndex(graph), Trace((run.recorder.recording(),), (("", run.x),)), None)
    assert [claim.module for claim in found.claims] == [ModulePath("first"), ModulePath("second")]


@pytest.mark.parametrize(("given", "place"), [(True, ""), (False, "block")])
def test_what_a_call_is_given_lies_outside_of_it(given: bool, place: str) -> None:
    """The file computes the model's input again: Log of Exp. The block has it as input, or computes it."""
    graph = model(
        """g (float[2,3,4] x) => (float[2,3,4] y) {
        ["n0"] a = Exp(x) ["n1"] b = Log(a) ["n2"] y = Sin(b) }"""
    )
    run = Run()
    run.recorder.enter("block", None, [run.number if given else run.recorder.value(run.x + 1)])
    run.recorder.leave([run.step("sin", np.sin(run.x), run.number)])
    found = claims(graph, run, b=run.x, y=np.sin(run.x))
    assert found["n2"] == ("block", 0)
    assert {found.get("n0", ("", 0)), found.get("n1", ("", 0))} == {(place, 0)}


def test_what_a_running_call_computes_is_its_own_whatever_it_was_given() -> None:
    """The number 3 is an input of the call and by chance also a size that it computes."""
    graph = model(
        """g (float[2,3,4] x) => (float[2,3,4] y) {
        ["n0"] a = Tanh(x) ["n1"] s = Shape(x) ["n2"] n = Size(s) ["n3"] y = CustomAdd(a, n) }"""
    )
    run = Run()
    three = run.recorder.value(np.array(3))
    run.recorder.enter("block", None, [run.number, three])
    a = run.step("tanh", np.tanh(run.x), run.number)
    run.recorder.leave([run.step("add", np.tanh(run.x) + 3, a, three)])
    found = claims(graph, run, a=np.tanh(run.x), n=np.array(3), y=np.tanh(run.x) + 3)
    assert set(found.values()) == {("block", 0)}


def test_what_reads_the_result_of_a_call_goes_on_behind_it() -> None:
    graph = model(
        """g (float[2,3,4] x) => (float[2,3,4] y) {
        ["n0"] a = Tanh(x) ["n1"] s = Shape(a)
        b = Neg(x) c = Neg(x) d = Neg(x) e = Neg(x)
        ["n2"] z = Custom(a, b, c, d, e) ["n3"] y = Expand(z, s) }"""
    )  # the file order counts if most nodes stand in front of their readers
    run = Run()
    a = np.tanh(run.x)
    run.recorder.enter("up", None, [run.number])
    first = run.call("up.act", "tanh", a, run.number)
    second = run.step("sin", np.sin(a), first)
    run.recorder.leave([second])
    run.call("last", "cos", np.cos(np.sin(a)), second)
    assert claims(graph, run, a=a, z=np.sin(a), y=np.cos(np.sin(a)))["n1"] == ("up", 0)


def test_an_operator_that_changed_nothing_is_not_taken_for_that_of_the_next_call() -> None:
    """Torch slices twice in each call, exporters write one Slice: the second node is of the second call."""
    graph = model(
        """g (float[2,3,4] x) => (float[2,3,4] y) {
        ["n0"] a = Slice(x) ["n1"] b = Slice(x) ["n2"] y = Add(a, b) }"""
    )
    run = Run()
    part = run.x  # the slice is all of x, as of a table with just the needed length
    ends = []
    for module in ("one", "two"):
        run.recorder.enter(module, None, [run.number])
        ends.append(run.step("slice", part, run.step("slice", part, run.number)))
        run.recorder.leave(ends[-1:])
    run.step("add", part * 2, *ends)
    found = claims(graph, run, a=part, b=part, y=part * 2)
    assert (found["n0"], found["n1"]) == (("one", 0), ("two", 0))
