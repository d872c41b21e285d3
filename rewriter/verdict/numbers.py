"""Numbers: the original and the rewritten model run on the same inputs by onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx

from rewriter.model.storage.external_data import bytes_of
from rewriter.refusals import UsageError
from rewriter.runtime.child.words import one_line
from rewriter.runtime.compare.difference import Tolerance
from rewriter.runtime.compare.outcome import RunOutcome, Stage
from rewriter.runtime.compare.outputs import compare_runs
from rewriter.runtime.inputs.feeds import FEW, Array, Drawing, Plan
from rewriter.runtime.inputs.input import FeedError, Input, evaluate
from rewriter.runtime.inputs.planning import plan

OPTIMISED = Tolerance(largest=1e-3)
"""Tolerance for optimised models.

onnxruntime ignores the `value_info` of functions and so may fuse a grouped model otherwise. Measured with
onnxruntime 1.31.1 on the exported fixtures, flat against shared functions: nearly all agree bit for bit, the
others, in float32 with dynamic shapes, differ by 1e-7 to 7e-7; one converted to float16 by 6e-4. A wrong
weight or edge differs far more. Models of narrow floats, and integer outputs that depend on a tie,
may differ by more than this without a fault.
"""


_HEAVY = 1 << 29
"""Bytes of weights from which every run takes as long as reading them: then only `FEW` input sets."""


@dataclass(frozen=True, slots=True)
class Numeric(RunOutcome):
    """The numbers of two models on the same inputs. `skipped` or `error` has the reason if there are none.

    Attributes:
        identical: nothing was run, since all that onnxruntime would execute is the same in both.
        tolerance: how far outputs may be apart; None for not at all.
    """

    identical: bool = False
    tolerance: Tolerance | None = None

    @property
    def taken(self) -> bool:
        """Whether there are numbers, or none are needed since both runs would be of one model."""
        return self.identical or (self.skipped is None and self.error is None)

    @property
    def agrees(self) -> bool | None:
        """Whether the models agree bit for bit, by running them or by identity; None if not known."""
        return True if self.identical else self.exact

    @property
    def differs(self) -> bool:
        """Whether an output deviates more than allowed or, without tolerance, more than rounding explains."""
        if self.exact is not False:
            return False
        return not self.within if self.tolerance is not None else not self.rounding


IDENTICAL = Numeric(
    skipped="both runs would be of one model; --numbers runs them",
    identical=True,
)
"""The numbers of two models for which `identical.same_to_run` is true."""


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
) -> Numeric:
    """Run both models on the same inputs in a child process and compare all their outputs.

    Args:
        before: the original; the inputs are drawn for it.
        after: the rewritten model.
        before_folder: the folder of the original's external data, None without any.
        after_folder: the same for the rewritten model.
        sets: number of input sets to draw, of different sizes and data if the original allows it; two of
            one size if weights exceed half a gigabyte; a model without inputs is run once.
        seed: equal seeds draw equal inputs.
        inputs: one array per input, instead of drawn ones: one run.
        optimised: run with onnxruntime's optimisations. They may fuse the two models differently, so that
            equal models differ in the last bits: `OPTIMISED` allows for that.
        tolerance: allowed deviation of outputs; None for none.
        timeout: seconds for everything.

    Returns:
        The numbers, or the reason why there are none. Failures of a model are results too.

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
    )
    return Numeric(**asdict(outcome), tolerance=tolerance)


def _weight(model: onnx.ModelProto) -> int:
    return sum(bytes_of(tensor) or 0 for tensor in model.graph.initializer)


def fitting(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The user's arrays, checked against the signature of a model.

    Raises:
        UsageError: one is missing, unknown, or of another type or shape; or an input is no tensor.
    """
    try:
        return _fitting(plan(model), inputs)
    except FeedError as error:
        raise UsageError(one_line(f"this model cannot be run on arrays: {error}")) from None


def _fitting(drawing: Plan, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The user's arrays, checked against the signature.

    Raises:
        UsageError: one is missing, unknown, or of another type or shape.
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
    """The array with strings as objects, as onnx wants them."""
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
