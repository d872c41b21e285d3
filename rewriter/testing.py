"""Assertion for tests of passes: `assert_rewrite(before, after)`.

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

from rewriter.api.foreign_models import AnySource, read_of
from rewriter.api.functions import verify
from rewriter.pipeline import Inputs
from rewriter.pipeline.loader import read_model
from rewriter.verdict.phrases import reason_of
from rewriter.verdict.verification import Verdict, Verification

_OWN_PREFIX = "rewriter."
"""Prefix of the metadata keys that passes keep up to date; the values of these keys may change."""
_TEXT_FIELDS = frozenset(
    {"doc_string", "denotation", "producer_name", "producer_version", "domain", "model_version", "dim_param"}
)
_WHOLE_FIELDS = frozenset({"quantization_annotation", "training_info", "opset_import", "configuration"})
_MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Lost:
    """A field of one model that another model lacks.

    Attributes:
        kind: the name of the field, such as `NodeProto.doc_string` or `NodeProto.metadata_props[namespace]`.
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
    """Assert that a rewrite changed no result of a model and lost no field.

    Args:
        before: the model.
        after: the rewritten model.
        lost: the kinds of fields that may be lost, as globs: `"NodeProto.doc_string"`,
            `"NodeProto.metadata_props[[]pkg.torch.*]"`.
        numbers: whether onnxruntime also runs both models, whose outputs must agree bit for bit. None: run
            unless both executable graphs are byte-identical. True: fail if they cannot be run. False: do not
            run.
        inputs: input name -> array to run both models on; drawn from the signature if None.

    Returns:
        The proof.

    Raises:
        AssertionError: equality is not proved, requested numbers are missing, or a field is lost; the message
            names the reason and the first lost fields, a line each.
        UnreadableModel: one of the two is not a model.
    """
    faults = []
    verification = verify(before, after, numbers=numbers, inputs=inputs)
    if verification.verdict is not Verdict.EQUAL or verification.missing is not None:
        faults.append(f"{verification.verdict}: {reason_of(verification)}")
    gone = [each for each in lost_fields(before, after) if not any(_fits(each.kind, glob) for glob in lost)]
    faults += [f"lost {each}" for each in gone[:_MOST_SHOWN]]
    if len(gone) > _MOST_SHOWN:
        faults.append(f"lost {len(gone) - _MOST_SHOWN} more")
    if faults:
        raise AssertionError("\n".join(faults))
    return verification


def lost_fields(before: AnySource, after: AnySource) -> tuple[Lost, ...]:
    """Return the fields of `before` that `after` lacks, wherever they are: passes may move and copy nodes.

    The comparison covers metadata, doc strings, `value_info`, symbolic dimensions, denotations, names of
    functions, domains, imported opsets, quantization annotations, training information, device
    configurations, producer and version of the model, and fields unknown to the installed onnx. It ignores
    the values of metadata under `rewriter.` and the names in `value_info`, since passes update both.

    Raises:
        UnreadableModel: one of the two is not a model.
    """
    ours, theirs = (Counter(_fields_beside_computation(_read(model))) for model in (before, after))
    gone = ours - theirs
    return tuple(Lost(kind, text, times) for (kind, text), times in sorted(gone.items()))


def _read(source: AnySource) -> ModelProto:
    return read_model(read_of(source))[0]


def _fits(kind: str, glob: str) -> bool:
    return kind == glob or fnmatchcase(kind, glob)


def _fields_beside_computation(message: Message) -> Iterator[tuple[str, str]]:
    """Yield kind and text of every field of a message that does not affect the computation."""
    kind = message.DESCRIPTOR.name
    for field, value in message.ListFields():
        where = f"{kind}.{field.name}"
        if field.name in _TEXT_FIELDS:
            yield where, str(value)
        elif field.name in _WHOLE_FIELDS:
            yield from ((where, str(each)) for each in value)
        elif field.name == "metadata_props":
            yield from (_entry(where, each) for each in value)
        elif field.message_type is not None:
            if field.name == "value_info":  # passes may rename values, and move them to functions
                yield from ((field.name, " ".join(str(each.type).split())) for each in value)
            elif field.name == "functions":
                yield from ((where, each.name) for each in value)
            for each in value if field.is_repeated else (value,):
                yield from _fields_beside_computation(each)
    unknown: Any = UnknownFieldSet(message)  # the type stubs of this class lack length and entries
    yield from ((f"{kind}: unknown field", str(each.field_number)) for each in unknown)


def _entry(where: str, entry: StringStringEntryProto) -> tuple[str, str]:
    return f"{where}[{entry.key}]", "" if entry.key.startswith(_OWN_PREFIX) else entry.value
