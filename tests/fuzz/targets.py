"""What is fuzzed: functions that take any bytes and must return, in time, or raise one of our own errors.

Every target asserts what must hold besides. `tests/fuzz/test_targets.py` runs them on what hypothesis thinks
up; `python -m benchmarks.fuzz` runs them guided by coverage.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import onnx
from onnx import ModelProto

from rewriter import pipeline
from rewriter.errors import Different, NotProved, RewriterError
from rewriter.evidence.metadata import dynamo, tags
from rewriter.evidence.names import scope_grammar
from rewriter.passes.registry.presets import Functions, standard_passes
from rewriter.passes.registry.syntax import parse_passes
from rewriter.paths import ModulePath
from rewriter.proof.certificate import certify
from rewriter.views.sidecar import document as sidecar
from rewriter.views.truth_file import read_truth
from tests.fuzz.choices import Choices
from tests.fuzz.mangle import mangle
from tests.properties.graphs import draw_model

Target = Callable[[bytes], None]
_SEEDS = 24
_KEYS = (
    *(dynamo.NAME_SCOPES, dynamo.CLASS_HIERARCHY, dynamo.NAMESPACE, dynamo.FX_NODE),
    *(dynamo.GRAPH_SIGNATURE, dynamo.FOLDED_FROM, tags.MODULE, tags.CALL, tags.EVIDENCE, tags.ORDER),
    *("rewriter.class", "rewriter.copy_of", "rewriter.moved_to", "rewriter.order"),
)


@cache
def seeds() -> tuple[ModelProto, ...]:
    """Small models as exporters write them: scopes, tags, module stacks, functions, bodies."""
    flat = [draw_model(Random(seed)) for seed in range(_SEEDS)]
    grouped = []
    options = pipeline.Options(standard_passes(Functions.SHARED), numbers=False, sidecar="none")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "grouped.onnx"
        for model in flat[::3]:
            pipeline.rewrite(model, target, options)
            grouped.append(onnx.load(target))
    return (*flat, *grouped)


@cache
def sidecars() -> tuple[str, ...]:
    """The sidecars of some of them."""
    return tuple(sidecar.write(pipeline.load(model)) for model in seeds()[:6])


def mangled(choices: Choices) -> tuple[ModelProto, ModelProto]:
    """A seed, and what the choices make of it."""
    before, after = choices.pick(seeds()), ModelProto()
    after.CopyFrom(before)
    mangle(after, choices)
    return before, after


def load_bytes(data: bytes) -> None:
    """Any bytes as a file."""
    try:
        analysis = pipeline.load(data)
    except RewriterError:
        return
    assert len(analysis.tree.placements) == len(analysis.graph.nodes)


def load_mangled(data: bytes) -> None:
    """A model with some fields edited; its tree can be written and read back, and printed."""
    _, model = mangled(Choices(data))
    try:
        analysis = pipeline.load(model)
    except RewriterError:
        return
    if any(dim < 0 for tensor in analysis.graph.initializers.values() for dim in tensor.dims):
        return  # no sidecar holds such a shape
    written = sidecar.write(analysis)
    assert sidecar.read(written).tree.modules.keys() == analysis.tree.modules.keys()


def evidence(data: bytes) -> None:
    """Names and metadata out of anything, on a model that is sound otherwise."""
    choices = Choices(data)
    model = ModelProto()
    model.CopyFrom(choices.pick(seeds()))
    names = [node.name for node in model.graph.node]
    for node in model.graph.node:
        if choices.number(3) == 0:
            node.name = choices.text(names)
        if choices.number(3) == 0:
            node.metadata_props.add(key=choices.pick(_KEYS), value=choices.text(names))
    for tensor in model.graph.initializer:
        if choices.number(3) == 0:
            new = choices.text(names)
            for node in model.graph.node:
                node.input[:] = [new if name == tensor.name else name for name in node.input]
            tensor.name = new
    model.graph.metadata_props.add(key=choices.pick(_KEYS), value=choices.text(names))
    try:
        pipeline.load(model)
    except RewriterError:
        return


def parsers(data: bytes) -> None:
    """The parsers of names, metadata and options on one text."""
    word = Choices(data).text() if data[:1] < b"\x80" else data[1:].decode("utf-8", "replace")
    for name in (word, f"/{word}/Add", f"A::__module.{word}/aten::add", f"{word}_output_0", f"{word}_1"):
        for read in (
            scope_grammar.scope_of_node_name,
            scope_grammar.scope_of_value_name,
            scope_grammar.without_counter,
        ):
            read(name)
        scope_grammar.owner_of_parameter(name)
        tags.count_in(name)
        path = ModulePath(name)
        assert path.holds(path) and len(path.atoms) == path.depth
    dynamo._scopes({dynamo.NAME_SCOPES: word, dynamo.CLASS_HIERARCHY: word})
    dynamo._scopes({dynamo.NAMESPACE: word})
    ModulePath("a.b.0").matches(word)
    try:
        parse_passes(word)
    except RewriterError:
        return


def sidecar_reader(data: bytes) -> None:
    """A sidecar with pieces of its text replaced, or any text."""
    choices = Choices(data)
    source = _edited(choices.pick(sidecars()), choices) if choices.number(4) else _text(data)
    try:
        sidecar.read("{" + source.lstrip("{"))
    except RewriterError:
        return


def truth_reader(data: bytes) -> None:
    """The same for the file that says where nodes came from."""
    choices = Choices(data)
    plain = '{"nodes": {"a": "m.n", "b": ["m", 1]}, "modules": [{"path": "m", "aliases": ["k"]}]}'
    source = _edited(choices.pick((plain, *sidecars())), choices) if choices.number(4) else _text(data)
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8", errors="replace") as file:
        file.write(source)
        file.flush()
        try:
            read_truth(Path(file.name), "m")
        except RewriterError:
            return


def _text(data: bytes) -> str:
    return data[1:].decode("utf-8", "replace")


def _edited(text_: str, choices: Choices) -> str:
    """Pieces of JSON cut out, put elsewhere or replaced."""
    odd = ("null", "{}", "[]", "-1", "1e999", "10000000000", '"x"', "true", "[[]]", "0.5", '{"a": []}', ",")
    parts = text_.replace(":", "\x1f:\x1f").replace(",", "\x1f,\x1f").split("\x1f")
    for _ in range(6):
        if choices.left:
            at = choices.number(len(parts))
            parts[at] = choices.pick((*odd, choices.pick(parts), choices.bytes(6).decode("utf-8", "replace")))
    return "".join(parts)


def certificate(data: bytes) -> None:
    """Two models: the certificate ends, is the same both ways, and holds of a model and itself."""
    before, after = mangled(Choices(data))
    there, back = certify(before, after), certify(after, before)
    assert there.equal == back.equal, (there, back)
    assert (there.difference is None) == there.equal
    itself = certify(after, after)
    assert itself.equal == itself.readable
    if there.equal:
        assert itself.equal
        for one, other in zip(before.graph.output, after.graph.output, strict=True):
            assert one.type.SerializeToString() == other.type.SerializeToString()


def rewrite(data: bytes) -> None:
    """What the checker takes is grouped and proved equal, or refused with one of our errors."""
    choices = Choices(data)
    _, model = mangled(choices)
    try:
        onnx.checker.check_model(model)
        sound = True
    except (onnx.checker.ValidationError, ValueError):
        sound = False
    functions = choices.pick((Functions.NONE, Functions.CALL, Functions.SHARED))
    passes = standard_passes(functions, restore_names=bool(choices.number(2)))
    try:
        pipeline.rewrite(model, None, pipeline.Options(passes, numbers=False))
    except (
        Different,
        NotProved,
    ) as error:  # nothing is written then; of a sound model it is a fault all the same
        if sound:
            raise AssertionError(str(error)) from error
    except RewriterError:
        return


TARGETS: dict[str, Target] = {
    each.__name__: each
    for each in (
        *(load_bytes, load_mangled, evidence, parsers, sidecar_reader, truth_reader, certificate, rewrite),
    )
}


def corpus(name: str) -> list[bytes]:
    """What a target begins with."""
    if name == "load_bytes":
        return [model.SerializeToString() for model in seeds()]
    rng = Random(name)
    return [rng.randbytes(1 + 4 * number) for number in range(40)]
