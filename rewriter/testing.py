"""For tests of passes: `assert_rewrite(before, after)`.

from rewriter.testing import assert_rewrite

after = rewriter.rewrite(before, passes="mine{option=2}").result
assert_rewrite(before, after, lost=("NodeProto.doc_string",))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from onnx import ModelProto, StringStringEntryProto

from rewriter.api.foreign import AnySource, read_of
from rewriter.api.functions import verify
from rewriter.pipeline import Inputs
from rewriter.pipeline.loading import read_model
from rewriter.verdict.phrases import reason_of
from rewriter.verdict.verification import Verdict, Verification

_OURS = "rewriter."
"""How keys of metadata begin that passes keep up to date; their values may change."""
_SAID = frozenset(
    {"doc_string", "denotation", "producer_name", "producer_version", "domain", "model_version", "dim_param"}
)
_WHOLE = frozenset({"quantization_annotation", "training_info", "opset_import", "configuration"})
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Lost:
    """A field that one model has and another has not.

    Attributes:
        kind: the field, as `NodeProto.doc_string` or `NodeProto.metadata_props[namespace]`.
        text: its content.
        times: number of occurrences beyond those in the other model.
    """

    kind: str
    text: str
    times: int

    def __str__(self) -> str:
        return f"{self.kind}: {self.text[:80]!r}{f', {self.times} times' if self.times > 1 else ''}"


def assert_rewrite(
    before: AnySource,
    after: AnySource,
    *,
    lost: Collection[str] = (),
    numbers: bool | None = None,
    inputs: Inputs | None = None,
) -> Verification:
    """Demand that a rewrite changed no result of a model, and lost no field of it.

    Args:
        before: the model.
        after: the rewritten model.
        lost: the kinds of fields that may be lost, as globs: `"NodeProto.doc_string"`,
            `"NodeProto.metadata_props[[]pkg.torch.*]"`.
        numbers: whether onnxruntime runs both besides the certificate; they must agree bit for bit. None:
            if it can, and the executed graph has changed. True: demand the numbers.
        inputs: input name -> array to run them on; drawn from the signature if None.

    Returns:
        The proof.

    Raises:
        AssertionError: something differs or is lost; one line each.
        UnreadableModel: one of the two is no model.
    """
    faults = []
    verification = verify(before, after, numbers=numbers, inputs=inputs)
    if verification.verdict is not Verdict.EQUAL or verification.missing is not None:
        faults.append(f"{verification.verdict}: {reason_of(verification)}")
    gone = [each for each in lost_fields(before, after) if not any(_fits(each.kind, glob) for glob in lost)]
    faults += [f"lost {each}" for each in gone[:_SHOWN]]
    if len(gone) > _SHOWN:
        faults.append(f"lost {len(gone) - _SHOWN} more")
    if faults:
        raise AssertionError("\n".join(faults))
    return verification


def lost_fields(before: AnySource, after: AnySource) -> tuple[Lost, ...]:
    """Fields that one model has and another has not, anywhere in the model: passes may move and copy nodes.

    Compares metadata, doc strings, types of values, names of functions, imported opsets, annotations of
    quantization, training information and fields that ONNX does not know yet. Of metadata under `rewriter.`
    only the keys count, and value information counts without names: passes bring these up to date.

    Raises:
        UnreadableModel: one of the two is no model.
    """
    ours, theirs = (Counter(_said(_read(model))) for model in (before, after))
    gone = ours - theirs
    return tuple(Lost(kind, text, times) for (kind, text), times in sorted(gone.items()))


def _read(source: AnySource) -> ModelProto:
    return read_model(read_of(source))[0]


def _fits(kind: str, glob: str) -> bool:
    return kind == glob or fnmatchcase(kind, glob)


def _said(message: Message) -> Iterator[tuple[str, str]]:
    """Every field of a message that is not part of its computation: kind -> text."""
    kind = message.DESCRIPTOR.name
    for field, value in message.ListFields():
        where = f"{kind}.{field.name}"
        if field.name in _SAID:
            yield where, str(value)
        elif field.name in _WHOLE:
            yield from ((where, str(each)) for each in value)
        elif field.name == "metadata_props":
            yield from (_entry(where, each) for each in value)
        elif field.message_type is not None:
            if field.name == "value_info":  # passes may restore their names, and move them to functions
                yield from ((field.name, " ".join(str(each.type).split())) for each in value)
            elif field.name == "functions":
                yield from ((where, each.name) for each in value)
            for each in value if field.is_repeated else (value,):
                yield from _said(each)
    unknown: Any = UnknownFieldSet(message)  # its type stubs lack length and entries
    yield from ((f"{kind}: unknown field", str(each.field_number)) for each in unknown)


def _entry(where: str, entry: StringStringEntryProto) -> tuple[str, str]:
    return f"{where}[{entry.key}]", "" if entry.key.startswith(_OURS) else entry.value
