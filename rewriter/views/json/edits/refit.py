"""Results of refit as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypedDict

from rewriter.checkpoints.names.constants import Sign
from rewriter.checkpoints.refit import Refit
from rewriter.views.escape import as_text
from rewriter.views.json.edits.adapter import AdapterJson, KeptLayerJson, adapter_json, layer_json
from rewriter.views.json.edits.weights import TiedJson
from rewriter.views.json.proof import NumericJson, numeric_json
from rewriter.views.json.types import Count

REFIT: Final = "rewriter.refit/1"


class FittedJson(TypedDict):
    """Tensor with new weights.

    Attributes:
        tensor: Name of the initializer, or of the value that a Constant writes.
        formula: Its content, as a formula of the keys.
        shape: Shape.
        dtype: Element type in the file.
        given: Element type in the checkpoint.
    """

    tensor: str
    formula: str
    shape: Sequence[Count]
    dtype: str
    given: str


class UnresolvedJson(TypedDict):
    """Tensor without new weights, or key that may be in some tensor.

    Attributes:
        name: Name of the tensor, or the key.
        kind: Whether it is a tensor of the file or a key of the checkpoint.
        reason: Why it has none.
        shape: Shape.
    """

    name: str
    kind: Literal["tensor", "key"]
    reason: str
    shape: Sequence[Count]


class KeptJson(TypedDict):
    """Floating-point tensor that depends on no weight and keeps its content.

    Attributes:
        tensor: Its name.
        sign: What shows it.
    """

    tensor: str
    sign: Sign


class RefittedJson(TypedDict):
    """Comparison of the written file with the model and with the formulas.

    Attributes:
        tensors: Number of tensors that are equal to their formulas.
        kept: Number of external tensors that kept their content; all that is in the model itself is compared
            as well.
    """

    tensors: Count
    kept: Count


class RefitJson(TypedDict):
    """New weights for an ONNX model.

    Printed by `rewriter refit --json`.

    Attributes:
        weights: The checkpoint, or the adapter.
        adapter: Adapter; null without one.
        beside: Layers with an adapter beside them, by --keep.
        fitted: Tensors that have formulas, in file order.
        unresolved: Everything that has none; without --partial, nothing is written if there is any.
        kept: Floating-point tensors that depend on no weight.
        tied: Keys that no tensor takes, but whose tensor another key has.
        unused: Other keys that no tensor takes.
        proof: Comparison with the written file; null if nothing was written.
        numeric: Numbers of the model with the adapter beside its layers, and of the one with it merged.
        outputs: Written files, the model last.
        removed: Removed files of a model that the output replaced.
    """

    schema: Literal["rewriter.refit/1"]
    weights: str
    adapter: AdapterJson | None
    beside: Sequence[KeptLayerJson]
    fitted: Sequence[FittedJson]
    unresolved: Sequence[UnresolvedJson]
    kept: Sequence[KeptJson]
    tied: Sequence[TiedJson]
    unused: Sequence[str]
    proof: RefittedJson | None
    numeric: NumericJson
    outputs: Sequence[str]
    removed: Sequence[str]


def refit_json(found: Refit) -> RefitJson:
    """Convert new weights to JSON."""
    plan = found.plan
    return {
        "schema": REFIT,
        "weights": as_text(plan.new.name),
        "adapter": adapter_json(plan.adapter) if plan.adapter else None,
        "beside": [layer_json(each) for each in found.kept.layers] if found.kept else [],
        "fitted": [
            {
                "tensor": as_text(each.name),
                "formula": as_text(str(each.formula)),
                "shape": each.stored.dims,
                "dtype": each.dtype,
                "given": each.given,
            }
            for each in plan.fitted
        ],
        "unresolved": [
            {
                "name": as_text(each.name),
                "kind": "key" if each.is_key else "tensor",
                "reason": as_text(each.reason),
                "shape": each.shape,
            }
            for each in plan.lacking
        ],
        "kept": [{"tensor": as_text(name), "sign": sign} for name, sign in plan.kept.items()],
        "tied": [{"key": as_text(key), "of": as_text(other)} for key, other in plan.tied.items()],
        "unused": [as_text(key) for key in plan.unused],
        "proof": {"tensors": found.proof.tensors, "kept": found.proof.kept} if found.proof else None,
        "numeric": numeric_json(found.numeric),
        "outputs": [str(path) for path in found.outputs],
        "removed": [str(path) for path in found.removed],
    }
