"""Matches the inputs and outputs of a piece with the values at the border of a module.

Equal names match. The others match if types and ranks allow a single reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnx import ModelProto, TypeProto, ValueInfoProto

from rewriter.edits.pieces.border import Border, Crossing
from rewriter.errors import CannotImplant
from rewriter.model.operator_set.ir_version import initialized
from rewriter.proof.certificate import described


@dataclass(frozen=True, slots=True)
class MatchedEnds:
    """The values that inputs and outputs of a piece stand for.

    Attributes:
        inputs: input of the piece -> its value in the model.
        outputs: output of the piece -> its value in the model.
    """

    inputs: dict[str, str]
    outputs: dict[str, str]


def match(border: Border, piece: ModelProto, name: str) -> MatchedEnds:
    """Match a piece with the border of a module.

    Args:
        border: the border.
        piece: the piece.
        name: the name of the piece for messages.

    Raises:
        CannotImplant: a type or a number of values differs, or there are several readings.
    """
    filled = initialized(piece)
    inputs = [info for info in piece.graph.input if info.name not in filled]
    side = _Side("input", name, str(border.target), border.inputs)
    entering = side.match(inputs)
    side = _Side("output", name, str(border.target), border.outputs)
    leaving = side.match(list(piece.graph.output))
    if missing := [port.name for port in border.outputs if port.value not in leaving.values()]:
        raise CannotImplant(
            f"{name}: has no output {missing[0]!r}, which other nodes read from {border.target}; "
            "name an output of the piece like that"
        )
    return MatchedEnds(entering, leaving)


@dataclass(frozen=True, slots=True)
class _Side:
    """Inputs or outputs: the word for messages, the names of the piece and of the modules, and the border."""

    word: str
    piece: str
    modules: str
    ports: Sequence[Crossing]

    def match(self, infos: Sequence[ValueInfoProto]) -> dict[str, str]:
        """Return name of a value of the piece -> name of a value of the model."""
        named = {port.name: port for port in self.ports}
        pairs = {info.name: named[info.name] for info in infos if info.name in named}
        for info in infos:
            if info.name in pairs and not _fits(info.type, pairs[info.name].type):
                raise self._other_type(info, pairs[info.name])
        taken = {port.name for port in pairs.values()}
        left = [info for info in infos if info.name not in pairs]
        if left:
            pairs.update(self._by_type(left, [port for port in self.ports if port.name not in taken]))
        return {info.name: pairs[info.name].value for info in infos}

    def _by_type(self, infos: Sequence[ValueInfoProto], ports: Sequence[Crossing]) -> dict[str, Crossing]:
        """Match values without common names, if there is a single way.

        If a complete matching is the only one, some value always has a single candidate.
        """
        if len(infos) != len(ports):
            raise self._no_such(infos, ports)
        found: dict[str, Crossing] = {}
        fitting = {info.name: {p.name: p for p in ports if _fits(info.type, p.type)} for info in infos}
        for info in infos:
            if not fitting[info.name]:
                raise self._other_type(info, ports[infos.index(info)])
        while fitting:
            single = next((name for name, few in fitting.items() if len(few) == 1), None)
            if single is None:
                raise self._ambiguous(fitting)
            [(taken, port)] = fitting.pop(single).items()
            found[single] = port
            for few in fitting.values():
                few.pop(taken, None)
        return found

    def _other_type(self, info: ValueInfoProto, port: Crossing) -> CannotImplant:
        return CannotImplant(
            f"{self.piece}: {self.word} {info.name!r} is {described(info.type)}, and {port.name!r} of "
            f"{self.modules} is {described(port.type)}; convert it without changing the types of its ends"
        )

    def _no_such(self, infos: Sequence[ValueInfoProto], ports: Sequence[Crossing]) -> CannotImplant:
        ours = ", ".join(repr(info.name) for info in infos)
        theirs = ", ".join(repr(port.name) for port in ports) or "none"
        return CannotImplant(
            f"{self.piece}: {self.modules} has no {self.word} of these names: {ours}; its {self.word}s that "
            f"the piece does not name: {theirs}"
        )

    def _ambiguous(self, fitting: dict[str, dict[str, Crossing]]) -> CannotImplant:
        name, ports = next(iter(fitting.items()))
        if not ports:
            return CannotImplant(
                f"{self.piece}: {self.word} {name!r} has the type of no {self.word} of {self.modules} that "
                "is left; convert the piece without changing the types of its ends"
            )
        names = " or ".join(map(repr, ports))
        return CannotImplant(
            f"{self.piece}: {self.word} {name!r} may be {names} of {self.modules}; give it one of these names"
        )


def _fits(piece: TypeProto, module: TypeProto) -> bool:
    """Whether a value of the piece can stand for one of the module.

    Kinds and element types are equal, and so are ranks and sizes that both state.
    """
    kind = piece.WhichOneof("value")
    if kind != "tensor_type" or module.WhichOneof("value") != kind:
        return bool(kind == module.WhichOneof("value"))
    ours, theirs = piece.tensor_type, module.tensor_type
    if ours.elem_type != theirs.elem_type:
        return False
    if not ours.HasField("shape") or not theirs.HasField("shape"):
        return True
    pairs = list(zip(ours.shape.dim, theirs.shape.dim, strict=False))
    stated = [
        (a.dim_value, b.dim_value) for a, b in pairs if a.HasField("dim_value") and b.HasField("dim_value")
    ]
    same_rank = len(ours.shape.dim) == len(theirs.shape.dim)
    return same_rank and all(a == b for a, b in stated)
