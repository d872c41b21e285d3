from dataclasses import replace
from math import inf
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import parser

from rewriter.errors import UsageError
from rewriter.runtime.compare.tolerance import Tolerance
from rewriter.verdict.numbers import Numeric, compare
from rewriter.verdict.phrases import numbers_phrase

HEADER = '<ir_version: 9, opset_import: ["" : 21, "m" : 1, "ai.onnx.ml" : 3]>\n'
LINEAR = "g (float[n, 2] x) => (float[n, 2] y) <float[2] w = {1, 2}> { y = Mul(x, w) }"


def model(text: str) -> onnx.ModelProto:
    """The model of a text; `a_plus_b` and `a_minus_b` are sums, which the text form cannot write."""
    made = parser.parse_model(HEADER + text)
    for value in (*made.graph.input, *made.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.HasField("dim_param"):
                dim.dim_param = dim.dim_param.replace("_plus_", " + ").replace("_minus_", " - ")
    return made


def numbers(before: str, after: str | None = None, **options: object) -> Numeric:
    same = model(before if after is None else after)
    return compare(model(before), same, before_folder=None, after_folder=None, **options)  # type: ignore[arg-type]


SAME = Numeric(3, exact=True, max_abs=0.0, relative=0.0, rounding=False, ort_version=onnxruntime.__version__)


@pytest.mark.parametrize(
    "text",
    [
        LINEAR,
        "g (float x) => (float y) { y = Neg(x) }",
        "g (float[0, n] x) => (float[0, n] y) { y = Neg(x) }",
        "g (float16[n] x) => (float16[n] y) { y = Neg(x) }",
        "g (double[n] x) => (double[n] y) { y = Neg(x) }",
        "g (bfloat16[n] x) => (bfloat16[n] y) { y = Identity(x) }",
        "g (float[n] x) => (float[n] z, int4[n] y) { z = Neg(x) y = Cast<to = 22>(x) }",
        "g (int4[3] x) => (float[3] y) { y = Cast<to = 1>(x) }",
        "g (float8e4m3fn[n] x) => (float8e4m3fn[n] y) { y = Identity(x) }",
        "g (string[n] x) => (string[n] y) { y = Identity(x) }",
        "g (bool[n] x) => (bool[n] y) { y = Not(x) }",
        "g (uint8[1, 3, h, w] x) => (uint8[1, 3, h, w] y) { y = Identity(x) }",
        "g (float[n] x) => (float[n] y) { z = Log(x) y = Div(z, z) }",
        "g (float[n] x) => (seq(float[n]) y) { y = SequenceConstruct(x, x) }",
        "g (bool b, float[n] x) => (optional(float[n]) y) { y = If(b) "
        "<then_branch = t () => (optional(float[n]) a) { a = Optional(x) }, "
        "else_branch = e () => (optional(float[n]) c) { c = Optional<type = float[n]>() }> }",
        "g (float[n, 2] x) => (seq(map(int64, float)) y) "
        "{ y = ai.onnx.ml.ZipMap<classlabels_int64s = [1, 2]>(x) }",
        "g (int64[b, s] ids, int64[b, s] mask) => (float[b, s, 2] y) "
        "<float[5, 2] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}> "
        "{ e = Gather(w, ids) f = Cast<to = 1>(mask) a = Constant<value_ints = [-1]>() "
        "m = Unsqueeze(f, a) y = Mul(e, m) }",
        "g (float[past, 2] p, float[new, 2] q, float[past_plus_new] m) => (float[k, 2] y) "
        "{ c = Concat<axis = 0>(p, q) a = Constant<value_ints = [-1]>() v = Unsqueeze(m, a) y = Mul(c, v) }",
        "g (float[past, 2] p, float[new, 2] q, float[total] m) => (float[k, 2] y) "
        "{ c = Concat<axis = 0>(p, q) a = Constant<value_ints = [-1]>() v = Unsqueeze(m, a) y = Mul(c, v) }",
        "g (float[s0, s1] p, float[s2, s3] q) => (float[a, b] y) "
        "{ c = MatMul(p, q) y = Concat<axis = 1>(p, c) }",
        "g (float[n] x) => (float[a, 16] y) <int64[2] s = {-1, 16}> { y = Reshape(x, s) }",
        "g (int64[n] shape) => (float[k] y) { y = ConstantOfShape(shape) }",
        "g (float[n] x, float rate) => (float[n] y) { y = Dropout(x, rate) }",
    ],
)
def test_a_model_agrees_with_itself(text: str) -> None:
    runs = 4 if "If(" in text else 3  # the drawn sets choose one branch, an extra set the other
    assert numbers(text) == replace(SAME, runs=runs)


def test_a_model_without_inputs_runs_once() -> None:
    found = numbers("g () => (float y) { y = Constant<value_float = 1.0>() }")
    assert (found.runs, found.agrees) == (1, True)


def test_a_filled_input_of_an_old_file_is_not_fed() -> None:
    old = parser.parse_model(
        '<ir_version: 3, opset_import: ["" : 9]> g (float[2] x, float[2] w) => (float[2] y) '
        "<float[2] w = {1, 2}> { y = Add(x, w) }"
    )
    assert compare(old, old, before_folder=None, after_folder=None).agrees is True


def test_a_function_agrees_with_what_it_replaced() -> None:
    called = LINEAR.replace("Mul", "m.scale") + (
        ' <domain: "m", opset_import: ["" : 21]> scale (a, b) => (c) { c = Mul(a, b) }'
    )
    assert numbers(LINEAR, called).agrees is True


def test_the_largest_difference_is_found_and_placed() -> None:
    before = "g (float[2] x) => (float[2] y, float[2] z) <float[2] w = {1, 2}> { y = Neg(x) z = Mul(x, w) }"
    found = numbers(before, before.replace("{1, 2}", "{1, 2.5}"))
    assert (found.agrees, found.exact, found.runs, found.skipped) == (False, False, 3, None)
    assert found.worst_output == "z"
    assert found.max_abs is not None
    assert 0 < found.max_abs < inf
    assert found.where is not None
    assert found.where.endswith("z[1]")


def test_the_worst_output_is_that_with_the_largest_relative_difference() -> None:
    before = "g (float[1] x) => (float[1] y, float[1] z) <float[1] w = {1000}> { y = Mul(x, w) z = Neg(x) }"
    after = before.replace("{1000}", "{1010}").replace("z = Neg(x)", "n = Neg(x) z = Add(n, n)")
    found = numbers(before, after, inputs={"x": np.ones(1, np.float32)})
    assert (found.worst_output, found.max_abs, found.relative) == ("z", 10.0, 1.0)


def test_a_difference_in_padding_alone_is_found() -> None:
    masked = "g (int64[3, 4] mask) => (float[3, 4] y) { y = Cast<to = 1>(mask) }"
    ones = (
        "g (int64[3, 4] mask) => (float[3, 4] y) { z = Sub(mask, mask) e = Equal(z, z) y = Cast<to = 1>(e) }"
    )
    assert numbers(masked, ones).max_abs == 1.0
    assert numbers(masked, ones, sets=1).agrees is True


def test_the_sign_of_zero_is_seen() -> None:
    zero = "g (float[2] x) => (float[2] y) { z = Sub(x, x) y = Identity(z) }"
    found = numbers(zero, zero.replace("Identity", "Neg"))
    assert (found.exact, found.max_abs, found.worst_output) == (False, 0.0, "y")


def test_nan_against_a_number_is_infinitely_far() -> None:
    found = numbers(
        "g (float[9] x) => (float[9] y) { y = Sqrt(x) }",
        "g (float[9] x) => (float[9] y) { a = Abs(x) y = Sqrt(a) }",
    )
    assert (found.exact, found.max_abs) == (False, inf)


@pytest.mark.parametrize(
    "after",
    [
        "g (float[n, 2] x) => (double[n, 2] y) { y = Cast<to = 11>(x) }",
        "g (float[n, 2] x) => (float[2, n] y) { y = Transpose(x) }",
        "g (float[n, 2] x) => (seq(float[n, 2]) y) { y = SequenceConstruct(x) }",
    ],
)
def test_another_type_or_shape_is_a_difference(after: str) -> None:
    found = numbers("g (float[n, 2] x) => (float[n, 2] y) { y = Identity(x) }", after)
    assert (found.exact, found.max_abs, found.skipped) == (False, inf, None)


@pytest.mark.parametrize(
    ("after", "error"),
    [
        (LINEAR.replace("Mul", "m.Missing"), "not a registered function/op"),
        ("g (float[n, 2] x, float[1] z) => (float[n, 2] y) { y = Mul(x, z) }", "Required inputs"),
        (
            "g (float[n, 2] x) => (float[n, 2] y, float[n, 2] z) { y = Neg(x) z = Abs(x) }",
            "gives 'y', 'z' instead",
        ),
        ("g (float[n, 2] x) => (float[k, 2] y) <int64[2] s = {7, 2}> { y = Reshape(x, s) }", "Reshape"),
    ],
)
def test_a_second_model_that_does_not_run_is_no_difference(after: str, error: str) -> None:
    found = numbers(LINEAR, after)
    assert (found.exact, found.max_abs, found.skipped, found.agrees) == (None, None, None, None)
    assert (found.relative, found.within, found.taken, found.differs) == (None, None, False, False)
    assert error in (found.error or "")
    assert "\n" not in (found.error or "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LINEAR.replace("Mul", "m.Custom"), "m:Custom(-1) is not a registered function/op"),
        ("g (seq(float[2]) s) => (seq(float[2]) t) { t = Identity(s) }", "input 's' is no tensor (sequence)"),
        ("g (complex64[2] x) => (complex64[2] y) { y = Identity(x) }", "the first model does not run"),
        ("g (float[3] x) => (float[a, 2] y) <int64[2] s = {-1, 2}> { y = Reshape(x, s) }", "Reshape"),
        (
            "g (float[n] x, float[n_minus_n_minus_n] z) => (float[n] y) { y = Neg(x) }",
            "no sizes satisfy the dimensions",
        ),
    ],
)
def test_what_does_not_run_is_skipped_with_its_reason(text: str, reason: str) -> None:
    found = numbers(text)
    assert found.skipped is not None
    assert reason in found.skipped
    assert (found.runs, found.exact, found.max_abs, found.agrees) == (0, None, None, None)
    assert (found.relative, found.within, found.taken) == (None, None, False)


def test_the_reason_is_free_of_places_in_onnxruntimes_sources() -> None:
    newer = model(LINEAR)
    newer.ir_version = 999
    found = compare(newer, newer, before_folder=None, after_folder=None)
    assert (found.skipped or "").startswith("the first model does not run: Unsupported model IR version: 999")


def test_random_numbers_are_no_difference_and_no_agreement() -> None:
    before = "g () => (float[2] y) { y = RandomNormal<shape = [2]>() }"
    after = (
        "g () => (float[2] y) { z = RandomNormal<shape = [2]>() r = RandomNormal<shape = [2]>() y = Neg(r) }"
    )
    found = numbers(before, after)
    assert found.skipped == "the model draws random numbers: two runs of the first differ in 'y'"


def test_a_steady_output_beside_a_random_one_is_held_against_the_rewrite() -> None:
    before = "g (float[2] x) => (float[2] y, float[2] z) { y = RandomNormal<shape = [2]>() z = Neg(x) }"
    after = before.replace("z = Neg(x)", "r = Abs(x) z = Neg(r)").replace("y = R", "q = Neg(x) y = R")
    found = numbers(before, after)
    assert (found.exact, found.worst_output) == (False, "z")


def test_steady_outputs_are_compared_beside_a_random_one() -> None:
    before = "g (float[2] x) => (float[2] y, float[2] z) { y = RandomNormal<shape = [2]>() z = Neg(x) }"
    found = numbers(
        before,
        before.replace("y = RandomNormal<shape = [2]>()", "r = RandomNormal<shape = [2]>() y = Neg(r)"),
    )
    assert (found.exact, found.random, found.skipped) == (True, ("y",), None)
    assert numbers_phrase(found).endswith("bit for bit the same; not compared, since random: y")


@pytest.mark.parametrize("seed", ["", ", seed = 3.0"])
def test_random_numbers_of_the_same_seed_agree(seed: str) -> None:
    text = f"g (float[n] x) => (float[n] y) {{ y = RandomNormalLike<mean = 1.0{seed}>(x) }}"
    assert numbers(text).agrees is True


def test_weights_beside_the_file_are_found_in_its_folder(tmp_path: Path) -> None:
    before = model(LINEAR)
    (tmp_path / "w.bin").write_bytes(np.array([1, 2], dtype=np.float32).tobytes())
    (tmp_path / "other.bin").write_bytes(np.array([1, 3], dtype=np.float32).tobytes())
    weight = before.graph.initializer[0]
    weight.ClearField("float_data")
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="w.bin")
    after = onnx.ModelProto.FromString(before.SerializeToString())
    assert compare(before, after, before_folder=tmp_path, after_folder=tmp_path).agrees is True
    after.graph.initializer[0].external_data[0].value = "other.bin"
    assert compare(before, after, before_folder=tmp_path, after_folder=tmp_path).agrees is False
    lost = compare(before, after, before_folder=None, after_folder=None)
    assert lost.agrees is None
    assert "does not run" in (lost.skipped or "")


def test_optimisations_may_be_asked_for() -> None:
    assert numbers(LINEAR, optimised=True).agrees is True


@pytest.mark.parametrize(("off", "within"), [(5e-4, True), (2e-3, False)])
@pytest.mark.parametrize("tolerance", [Tolerance(1e-3), Tolerance(rtol=1e-3, atol=0.0)])
@pytest.mark.parametrize("optimised", [False, True])
def test_models_may_be_off_by_a_tolerance(
    off: float, within: bool, tolerance: Tolerance, optimised: bool
) -> None:
    after = LINEAR.replace("{1, 2}", f"{{1, {2 * (1 + off)}}}")
    found = numbers(LINEAR, after, optimised=optimised, tolerance=tolerance)
    assert (found.runs, found.agrees, found.within, found.differs) == (3, False, within, not within)
    assert numbers(LINEAR, tolerance=tolerance).within is True


@pytest.mark.parametrize(("off", "rounding"), [(1e-5, True), (1e-3, False)])
def test_without_a_tolerance_rounding_is_no_difference_shown(off: float, rounding: bool) -> None:
    found = numbers(LINEAR, LINEAR.replace("{1, 2}", f"{{1, {2 * (1 + off)}}}"))
    assert (found.agrees, found.rounding, found.differs, found.within) == (
        False,
        rounding,
        not rounding,
        None,
    )


def test_inputs_and_outputs_of_other_names_are_matched_by_position() -> None:
    text = "g (float[n, 2] x, float[n, 2] z) => (float[n, 2] y, float[n, 2] w) { y = Sub(x, z) w = Exp(x) }"
    other = "g (float[n, 2] a, float[n, 2] b) => (float[n, 2] c, float[n, 2] d) { c = Sub(a, b) d = Exp(a) }"
    assert numbers(text, other).agrees is True
    assert numbers(text, other.replace("Sub(a, b)", "Sub(b, a)")).agrees is False


def test_inputs_in_another_order_are_matched_by_name() -> None:
    text = "g (float[n, 2] x, float[n, 2] z) => (float[n, 2] y) { y = Sub(x, z) }"
    assert numbers(text, text.replace("float[n, 2] x, float[n, 2] z", "float[n, 2] z, float[n, 2] x")).agrees


def test_a_dynamic_model_runs_on_the_sizes_that_a_static_one_takes() -> None:
    static = LINEAR.replace("float[n, 2] x", "float[7, 2] x")
    for pair in ((LINEAR, static), (static, LINEAR)):
        assert numbers(*pair).agrees is True


def test_sizes_that_fit_no_model_are_told() -> None:
    found = numbers(LINEAR, LINEAR.replace("float[n, 2]", "float[n, 3]"))
    assert found.skipped == "no inputs can be drawn: input 'x' is n x 2 in one model and n x 3 in the other"


def test_the_users_inputs_are_run_once() -> None:
    after = LINEAR.replace("{1, 2}", "{1, 3}")
    harmless = np.array([[5, 0]], dtype=np.float32)
    assert numbers(LINEAR, after, inputs={"x": harmless}) == replace(SAME, runs=1)
    assert numbers(LINEAR, after, inputs={"x": harmless[:, ::-1]}).max_abs == 5.0


def test_the_users_inputs_may_be_strings_and_narrow_floats() -> None:
    text = "g (string[n] x) => (string[n] y) { y = Identity(x) }"
    assert numbers(text, inputs={"x": np.array(["a", "é"])}).agrees is True
    text = "g (bfloat16[n] x) => (bfloat16[n] y) { y = Identity(x) }"
    assert numbers(text, inputs={"x": np.array([1, 2], dtype=ml_dtypes.bfloat16)}).agrees is True


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "input 'a' is missing: give an array for it"),
        ({"a": (2, 3), "b": (2,), "c": (1,)}, "no input 'c': its inputs are a, b"),
        ({"a": (2, 4), "b": (2,)}, "'a' has shape .2, 4.: the model wants n x 3"),
        ({"a": (2,), "b": (2,)}, "'a' has shape .2,.: the model wants n x 3"),
        ({"a": (2, 3), "b": (5,)}, "'b' has shape .5,.: the model wants n with n = 2"),
    ],
)
def test_unfit_inputs_are_named_with_the_mend(inputs: dict[str, tuple[int, ...]], message: str) -> None:
    text = "g (float[n, 3] a, float[n] b) => (float[n, 3] y) { y = Neg(a) }"
    arrays = {name: np.zeros(shape, dtype=np.float32) for name, shape in inputs.items()}
    with pytest.raises(UsageError, match=message):
        numbers(text, inputs=arrays)


def test_an_input_of_another_type_is_named_with_the_mend() -> None:
    with pytest.raises(UsageError, match="'x' is float64: the model wants float32, convert it"):
        numbers(LINEAR, inputs={"x": np.zeros((1, 2))})


@pytest.mark.parametrize(("sets", "timeout"), [(0, 1.0), (1, 0.0)])
def test_no_sets_or_no_time_is_misuse(sets: int, timeout: float) -> None:
    with pytest.raises(UsageError, match="at least one"):
        numbers(LINEAR, sets=sets, timeout=timeout)


def test_models_are_left_as_they_were() -> None:
    before, after = model(LINEAR), model(LINEAR)
    bytes_before = before.SerializeToString(deterministic=True)
    compare(before, after, before_folder=None, after_folder=None)
    assert before.SerializeToString(deterministic=True) == bytes_before


@pytest.mark.parametrize("sets", [1, 2, 3])
def test_as_many_sets_as_asked_for(sets: int) -> None:
    text = "g (float[n, 4] x) => (float[n, 4] y) { y = Relu(x) }"
    other = "g (float[n, 4] x) => (float[n, 4] y) <float[1] c = {1}> { t = Add(x, c)\n y = Relu(t) }"
    assert numbers(text, sets=sets).runs == sets
    found = numbers(text, other, sets=sets)
    assert (found.runs, found.exact) == (sets, False)


def test_two_sets_of_a_model_that_draws_come_from_as_many_runs() -> None:
    """The second set is the run that showed that inputs matter; nothing is run again for it."""
    text = """g (float[n, 4] x) => (float[n, 4] y, float[2] z)
    { y = Relu(x)  z = RandomNormal <shape = [2], seed = 7.0> () }"""
    found = numbers(text, sets=2)
    assert (found.runs, found.exact) == (2, True)
