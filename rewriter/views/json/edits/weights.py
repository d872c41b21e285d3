"""Results of weights as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypedDict

from rewriter.checkpoints.missing import Absence
from rewriter.checkpoints.names.held import Held
from rewriter.checkpoints.weight_map import WeightMap
from rewriter.evidence.claims import Holds
from rewriter.views.escape import as_text
from rewriter.views.json.types import Count

WEIGHTS: Final = "rewriter.weights/1"


class WeightJson(TypedDict):
    """Parameter in a tensor of the file.

    Attributes:
        key: Key of the state dict, or another name, see is_key.
        is_key: Whether it is a key; false for rows of a parameter, and for a bias that the exporter added.
        initializer: Name of the initializer that holds it.
        holds: What the initializer holds of it.
        shape: Shape in the state dict; null if the file does not show it.
        stored: Shape of the initializer.
        dtype: Element type.
        formula: Computation that gave a folded parameter; empty for any other.
        differs: A further difference from the parameter; empty for none.
        given: Whether the file gives the parameter back, so that -o writes it.
    """

    key: str
    is_key: bool
    initializer: str
    holds: Holds
    shape: Sequence[Count] | None
    stored: Sequence[Count]
    dtype: str
    formula: str
    differs: str
    given: bool


class TiedJson(TypedDict):
    """Key with the same tensor as another.

    Attributes:
        key: The key.
        of: The other key.
    """

    key: str
    of: str


class MissingJson(TypedDict):
    """Key of the state dict that the file does not give.

    Attributes:
        key: The key.
        why: tied: another key has the same tensor. folded: something was computed from it before the export.
            counter: it counts steps of training. unread: no name in the file shows a tensor of it. not
            exact: a tensor holds it, but not in a form that gives it back.
        of: The other key, the computation, or what the tensor holds; empty for none.
    """

    key: str
    why: Absence
    of: str


class WeightsJson(TypedDict):
    """State dict of an ONNX model.

    Printed by `rewriter weights --json`.

    Attributes:
        weights: The parameters in tensors of the file, in file order.
        tied: Further keys that the file gives, since a reference shows that they are tied.
        missing: Keys that the file does not give, as far as they are known.
        complete: Whether a reference shows all keys.
        outputs: Written files.
        removed: Removed sidecars of models that the output replaced.
    """

    schema: Literal["rewriter.weights/1"]
    weights: Sequence[WeightJson]
    tied: Sequence[TiedJson]
    missing: Sequence[MissingJson]
    complete: bool
    outputs: Sequence[str]
    removed: Sequence[str]


def weights_json(found: WeightMap) -> WeightsJson:
    """Convert the map of a state dict to JSON."""
    given = {(each.key, each.initializer) for each in found.given.values()}
    return {
        "schema": WEIGHTS,
        "weights": [
            _weight_json(each, (each.key, each.initializer) in given, each.key not in found.no_keys)
            for each in found.held
        ],
        "tied": [{"key": as_text(key), "of": as_text(other)} for key, other in found.tied.items()],
        "missing": [
            {"key": as_text(each.key), "why": each.absence, "of": as_text(each.of)} for each in found.missing
        ],
        "complete": found.complete,
        "outputs": [str(path) for path in found.outputs],
        "removed": [str(path) for path in found.removed],
    }


def _weight_json(held: Held, given: bool, is_key: bool) -> WeightJson:
    return {
        "key": as_text(held.key),
        "is_key": is_key,
        "initializer": as_text(held.initializer),
        "holds": held.claim.holds or Holds.UNKNOWN,
        "shape": held.shape,
        "stored": held.dims,
        "dtype": held.dtype,
        "formula": as_text(held.claim.formula),
        "differs": as_text(held.claim.detail),
        "given": given,
    }
