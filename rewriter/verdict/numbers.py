"""Numeric comparison: onnxruntime runs the original and the rewritten model on the same inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx

from rewriter.errors import UsageError
from rewriter.model.storage.external_data import bytes_of
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.compare.outcome import RunOutcome, Stage
from rewriter.runtime.compare.outputs import compare_runs
from rewriter.runtime.compare.tolerance import Tolerance
from rewriter.runtime.inputs.feeds import FEW, Array, Drawing, Plan
from rewriter.runtime.inputs.input import FeedError, Input, evaluate
from rewriter.runtime.inputs.planning import plan

OPTIMISED = Tolerance(largest=1e-3)
"""Tolerance for optimised models.

onnxruntime ignores the `value_info` of functions, so it may fuse a grouped model differently. Measured with
onnxruntime 1.31.1 on the exported fixtures, flat models against models with shared functions: nearly all
agree bit for bit; the others, float32 models with dynamic shapes, differ by 1e-7 to 7e-7, and one that was
converted to float16 by 6e-4. A wrong weight or edge usually causes a far larger difference. Models with
narrow floats, and integer outputs that depend on a tie, may exceed this tolerance without a fault.
"""


_HEAVY = 1 << 29
"""Minimum bytes of weights for which at most `FEW` input sets are drawn: each run has to read all weights."""


@dataclass(frozen=True, slots=True)
class Numeric(RunOutcome):
    """Result of running two models on the same inputs; if it is missing, `skipped` or `error` has the reason.

    Attributes:
        identical: whether the executable parts of both models are byte-identical, so that nothing was run.
        tolerance: allowed deviation of outputs; None if none was requested.
    """

    identical: bool = False
    tolerance: Tolerance | None = None

    @property
    def taken(self) -> bool:
        """Whether the outputs of both models were compared, or the models are identical."""
        return self.identical or (self.skipped is None and self.error is None)

    @property
    def agrees(self) -> bool | None:
        """Whether the models are identical or their outputs agree bit for bit; None if unknown."""
        return True if self.identical else self.exact

    @property
    def differs(self) -> bool:
        """Whether an output deviates beyond the tolerance or, without one, by more than rounding explains."""
        if self.exact is not False:
            return False
        return not self.within if self.tolerance is not None else not self.rounding


IDENTICAL = Numeric(
    skipped="both runs would be of one model; --numbers runs them",
    identical=True,
)
"""Result for two models for which `identical.same_to_run` is true."""


def compare(
    before: onnx.ModelProto,
    after: onnx.ModelProto,
    *,
    before_folder: Path | None,
    after_folder: Path | None,
    sets: int = 3,
    seed: int = 0,
    inputs: Mapping[str, Array] | None = None,
    optimised: bool = False,
    tolerance: Tolerance | None = None,
    timeout: float = 600.0,
    added: Sequence[str] = (),
) -> Numeric:
    """Run both models on the same inputs in a child process and compare all their outputs.

    Args:
        before: the original; the inputs are drawn for it.
        after: the rewritten model.
        before_folder: the folder of the original's external data; None if it has none.
        after_folder: the folder of the rewritten model's external data.
        sets: number of input sets to draw, of different sizes and data if the original allows it. At most
            `FEW` sets are drawn if the initializers take half a gigabyte or more, and one if no input needs
            data. Models with Loops may get extra sets.
        seed: seed of the drawing; equal seeds give equal inputs.
        inputs: one array per input, used as the only set.
        optimised: whether onnxruntime optimises the models. It may fuse them differently, so that equal
            models differ in the last bits; the tolerance `OPTIMISED` allows for that.
        tolerance: allowed deviation of outputs; None if deviations are not judged.
        timeout: seconds for the child process; a second one starts if the first ends in an extra set.
        added: outputs that only the rewritten model has; they are computed, and not compared.

    Returns:
        The result, or the reason why it is missing. A failure of a model is part of it, not raised.

    Raises:
        UsageError: `inputs` does not fit the original, or an argument is out of range.
    """
    if sets < 1 or timeout <= 0:
        raise UsageError(
            f"cannot compare {sets} input sets in {timeout:g} s: ask for at least one, in positive time"
        )
    try:
        drawing = plan(before, after)
    except FeedError as error:
        return Numeric(skipped=one_line(f"no inputs can be drawn: {error}"), tolerance=tolerance)
    outcome = compare_runs(
        {Stage.FIRST: before, Stage.SECOND: after},
        {Stage.FIRST: before_folder, Stage.SECOND: after_folder},
        Drawing(
            drawing,
            min(sets, FEW) if _weight(before) >= _HEAVY else sets,
            seed,
            None if inputs is None else _fitting(drawing, inputs),
        ),
        optimised=optimised,
        timeout=timeout,
        tolerance=tolerance,
        added=added,
    )
    return Numeric(**asdict(outcome), tolerance=tolerance)


def _weight(model: onnx.ModelProto) -> int:
    return sum(bytes_of(tensor) or 0 for tensor in model.graph.initializer)


def fitting(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the user's arrays, checked against the signature of a model.

    Raises:
        UsageError: an array is missing, unknown, or of another type or shape; or an input of the model is no
            dense tensor of a known type.
    """
    try:
        return _fitting(plan(model), inputs)
    except FeedError as error:
        raise UsageError(one_line(f"this model cannot be run on arrays: {error}")) from None


def _fitting(drawing: Plan, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the user's arrays, checked against the signature.

    Raises:
        UsageError: an array is missing, unknown, or of another type or shape.
    """
    expected = [each.name for each in drawing.inputs]
    for name in inputs:
        if name not in expected:
            raise UsageError(
                one_line(f"the model has no input {name!r}: its inputs are {', '.join(expected)}")
            )
    sizes: dict[str, int] = {}
    for each in drawing.inputs:
        if each.name not in inputs:
            raise UsageError(one_line(f"input {each.name!r} is missing: give an array for it"))
        _check_type(each, np.asarray(inputs[each.name]))
        _check_shape(each, np.asarray(inputs[each.name]), sizes)
    return {each.name: _plain(np.asarray(inputs[each.name])) for each in drawing.inputs}


def _plain(array: Array) -> Array:
    """Return the array; strings become Python objects, as onnx requires."""
    return array.astype(object) if array.dtype.kind in "US" else array


def _check_type(each: Input, array: Array) -> None:
    wanted = onnx.helper.tensor_dtype_to_np_dtype(each.element)
    text = each.element == onnx.TensorProto.STRING
    if (text and array.dtype.kind not in "UO") or (not text and array.dtype != wanted):
        name = "str" if text else wanted
        raise UsageError(
            one_line(f"input {each.name!r} is {array.dtype}: the model wants {name}, convert it")
        )


def _check_shape(each: Input, array: Array, sizes: dict[str, int]) -> None:
    """Check a shape against the stated one; `sizes` collects the sizes of symbols over all inputs."""
    if each.dims is None:
        return
    fits = len(array.shape) == len(each.dims)
    wanted = " x ".join("?" if dim is None else str(dim) for dim in each.dims) or "a scalar"
    for dim, size in zip(each.dims, array.shape, strict=False):
        stated = evaluate(dim, sizes) if isinstance(dim, str) else dim
        fits = fits and stated in (None, size)
        if isinstance(dim, str) and stated is None:
            sizes[dim] = size
        elif stated not in (None, size):
            wanted += f" with {dim} = {stated}" if isinstance(dim, str) else ""
    if not fits:
        raise UsageError(one_line(f"input {each.name!r} has shape {array.shape}: the model wants {wanted}"))
