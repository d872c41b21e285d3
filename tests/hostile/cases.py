"""Every kind of hostile file: how to make it, and what each verb has to say of it.

A case is written into a folder of its own as `m.onnx`. Beside that folder lies `outside/secret.data`, which
nobody may open.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from onnx import AttributeProto, ModelProto, TensorProto, TrainingInfoProto, helper

from tests.hostile import build
from tests.hostile.build import (
    FLOAT,
    chain,
    doubling,
    external,
    function,
    graph,
    info,
    model,
    nested,
    node,
    plain,
)

DONE, REFUSED, USAGE = 0, 3, 2


class Case(NamedTuple):
    """What to write, and what to expect.

    Attributes:
        content: the file.
        words: what the line must say; empty for a legal file, which every verb takes.
        tree: exit code of `tree`, which reads no data.
        annotate: of `rewrite`.
        group: of `rewrite --functions shared`.
        verify: of `verify M M`.
        beside: makes what lies beside the model.
        doctor: of `doctor`, where that is not what `tree` leaves with.
        numbers: whether onnxruntime runs it.
        options: words before the verb.
    """

    content: Callable[[], ModelProto | bytes]
    words: str = ""
    tree: int = DONE
    annotate: int = DONE
    group: int = DONE
    verify: int = DONE
    beside: Callable[[Path], None] = lambda folder: None
    numbers: bool = False
    options: tuple[str, ...] = ()
    doctor: int | None = None


def legal(content: Callable[[], ModelProto | bytes], *, numbers: bool = False) -> Case:
    return Case(content, numbers=numbers)


def refused(content: Callable[[], ModelProto | bytes], words: str) -> Case:
    """Refused by every verb."""
    return Case(content, words, REFUSED, REFUSED, REFUSED, REFUSED)


def data(words: str, beside: Callable[[Path], None] = lambda folder: None, **entries: str) -> Case:
    """A model whose external data must not be used: only `tree`, which needs no data, goes on."""
    return Case(lambda: external(**entries), words, DONE, REFUSED, REFUSED, REFUSED, beside)


def spoiled(edit: Callable[[ModelProto], object], words: str = "", tree: int | None = None) -> Case:
    """`plain` after an edit, refused if `words` are given."""

    def content() -> ModelProto:
        made = plain()
        edit(made)
        return made

    code = REFUSED if words else DONE
    return Case(content, words, code if tree is None else tree, code, code, code)


def _with_fifo(folder: Path) -> None:
    os.mkfifo(folder / "m.data")


def _with_folder(folder: Path) -> None:
    (folder / "m.data").mkdir()


def _with_short(folder: Path) -> None:
    (folder / "m.data").write_bytes(bytes(7))


def _with_link(folder: Path) -> None:
    (folder / "m.data").symlink_to(folder.parent / "outside" / "secret.data")


def _with_hard_link(folder: Path) -> None:
    (folder / "m.data").hardlink_to(folder.parent / "outside" / "secret.data")


def _with_linked_folder(folder: Path) -> None:
    (folder / "sub").symlink_to(folder.parent / "outside")


def _with_circle(folder: Path) -> None:
    (folder / "m.data").symlink_to(folder / "m.data")


def _with_device(folder: Path) -> None:
    (folder / "m.data").symlink_to("/dev/zero")


def _both_places() -> ModelProto:
    made = external()
    made.graph.initializer[0].raw_data = b"attack!!"
    return made


def _external_in_training() -> ModelProto:
    made = plain()
    algorithm = graph([], "", "", external("../outside/secret.data").graph.initializer[0])
    made.training_info.append(TrainingInfoProto(algorithm=algorithm))
    return made


def _external_in_sparse() -> ModelProto:
    made = plain()
    weight = external("../outside/secret.data").graph.initializer[0]
    weight.name = "s"
    indices = helper.make_tensor("", TensorProto.INT64, [2], [0, 1])
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(weight, indices, [2]))
    return made


def _short_inside(made: ModelProto) -> None:
    made.graph.initializer[0].dims[0] = 10**12
    made.graph.initializer[0].ClearField("float_data")
    made.graph.initializer[0].raw_data = bytes(8)


def _short_numbers(made: ModelProto) -> None:
    made.graph.initializer[0].dims[0] = 4


def _negative_shape(made: ModelProto) -> None:
    _short_inside(made)
    made.graph.initializer[0].dims[0] = -1


def _negative_typed(made: ModelProto) -> None:
    made.graph.initializer[0].dims[:] = [-2, -1]


def _negative_and_empty(made: ModelProto) -> None:
    made.graph.initializer[0].ClearField("float_data")
    made.graph.initializer[0].dims[:] = [0, -1]


def _negative_constant(made: ModelProto) -> None:
    _negative_typed(made)
    made.graph.node.insert(0, node("Constant", "", "w", value=made.graph.initializer.pop()))


def _negative_sparse(made: ModelProto) -> None:
    _sparse(made)
    made.graph.sparse_initializer[0].dims[0] = -2


EXTERNAL: dict[str, Case] = {
    "data: absolute": data("is not inside", location="/etc/passwd"),
    "data: of another system": data("is not inside", location="C:\\secret.data"),
    "data: share of another system": data("is not inside", location="\\\\host\\share\\secret.data"),
    "data: folder above": data("is not inside", location="../outside/secret.data"),
    "data: folder above, roundabout": data("is not inside", location="sub/../../outside/secret.data"),
    "data: folder above, backslashes": data("is not inside", location="..\\outside\\secret.data"),
    "data: memory address": data("in the memory of", location="/*/_ORT_MEM_ADDR_/*"),
    "data: memory address, relative": data("in the memory of", location="*/_ORT_MEM_ADDR_/*"),
    "data: no location": data("is not inside", location=""),
    "data: NUL": data("cannot be the name", location="a\0b"),
    "data: long name": data("cannot be the name", location="x" * 5000),
    "data: link": data("is a link", _with_link),
    "data: link to itself": data("is a link", _with_circle),
    "data: folder is a link": data("is a link", _with_linked_folder, location="sub/secret.data"),
    "data: hard link": data("is a hard link", _with_hard_link),
    "data: pipe": data("is a pipe", _with_fifo),
    "data: device": data("is a link", _with_device),
    "data: folder": data("a folder", _with_folder),
    "data: missing": Case(external, "is missing", DONE, REFUSED, REFUSED),
    "data: short": data("has 7 bytes", _with_short),
    "data: offset past the end": data("has 7 bytes", _with_short, offset="4096", length="8"),
    "data: offset huge": data("has 7 bytes", _with_short, offset="9" * 23, length="8"),
    "data: offset negative": data("no number of bytes", _with_short, offset="-8"),
    "data: offset no number": data("no number of bytes", _with_short, offset="many"),
    "data: length negative": data("no number of bytes", _with_short, length="-1"),
    "data: length of many digits": data("no number of bytes", _with_short, length="9" * 6000),
    "data: length below the shape": data("shorter than", _with_short, length="4"),
    "data: inside and outside": Case(
        _both_places, "inside the model and in", DONE, REFUSED, REFUSED, REFUSED, _with_short
    ),
    "data: of training": Case(_external_in_training, "is not inside", DONE, REFUSED, REFUSED, REFUSED),
    "data: of a sparse tensor": Case(_external_in_sparse, "is not inside", DONE, REFUSED, REFUSED, REFUSED),
    "data: inline and short": spoiled(_short_inside, "shorter than", tree=DONE),
    "data: inline and short, numbers": spoiled(_short_numbers, "shorter than", tree=DONE),
    "data: negative shape": spoiled(_negative_shape, "is negative"),
    "data: negative shape, typed data": spoiled(_negative_typed, "is negative"),
    "data: negative shape, no data": spoiled(_negative_and_empty, "is negative"),
    "data: negative shape of a constant": spoiled(_negative_constant, "is negative"),
    "data: negative shape of a sparse tensor": spoiled(_negative_sparse, "is negative"),
}


def _twice(content: bytes) -> bytes:
    return content + content


def _bomb(limit: str, entry: bytes, *around: bytes, times: int = 1) -> Case:
    """Far more entries than a limit, which is low here to save time; in as many messages as asked for."""

    def content() -> bytes:
        made = entry * (60_000 // times)
        for number, tag in enumerate((*around, b"\x3a")):
            made = _length_prefixed(tag, made) * (times if not number and around else 1)
        return made

    return refused(content, "over the limit of 40,000")._replace(options=("--limit", f"{limit}=40000"))


FILES: dict[str, Case] = {
    "file: empty": refused(lambda: b"", "is empty"),
    "file: LFS pointer": refused(lambda: b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "file: HTML": refused(lambda: b"<!DOCTYPE html><html>", "HTML page"),
    "file: zip": refused(lambda: b"PK\x03\x04" + bytes(99), "zip archive"),
    "file: truncated": refused(lambda: plain().SerializeToString()[:-5], "cut off"),
    "file: two models": refused(lambda: _twice(plain().SerializeToString()), "two models"),
    "file: no graph": refused(lambda: ModelProto(ir_version=10).SerializeToString(), "holds no graph"),
    "file: random": refused(lambda: bytes((i * 7919 + 13) % 251 for i in range(5000)), "not an ONNX model"),
    "file: empty nodes": _bomb("nodes", b"\x0a\x00"),
    "file: entries of one node": _bomb("entries", b"\x0a\x00", b"\x0a"),
    "file: entries of small nodes": _bomb("entries", b"\x2a\x00", b"\x0a", times=12),
    "file: entries of small tensors": _bomb("entries", b"\x6a\x00", b"\x2a", times=12),
    "file: tensors of one attribute": _bomb("entries", b"\x52\x00", b"\x2a", b"\x0a"),
    "file: sizes of one shape": _bomb("entries", b"\x0a\x00", b"\x12", b"\x0a", b"\x12", b"\x6a"),
}


def _length_prefixed(tag: bytes, content: bytes) -> bytes:
    length, rest = b"", len(content)
    while rest >= 128:
        length, rest = length + bytes([rest & 127 | 128]), rest >> 7
    return tag + length + bytes([rest]) + content


def _nested_bytes(depth: int) -> bytes:
    """Ifs inside each other, deeper than protobuf writes them."""
    body = graph([node("Neg", "x", "y")], "", "y").SerializeToString()
    for _ in range(depth):
        is_graph = b"\xa0\x01\x05"  # AttributeProto.type
        branch = _length_prefixed(b"\x0a", b"then_branch") + is_graph + _length_prefixed(b"\x32", body)
        body = _length_prefixed(b"\x0a", _length_prefixed(b"\x22", b"If") + _length_prefixed(b"\x2a", branch))
    return _length_prefixed(b"\x3a", body)


def _cyclic() -> ModelProto:
    return model(graph([node("Neg", "b", "a", "/first"), node("Neg", "a", "b"), node("Add", "x b", "y")]))


def _cyclic_through_body() -> ModelProto:
    branch = graph([node("Neg", "late", "t")], "", "t")
    nodes = [
        node("If", "c", "i", "/if", then_branch=branch, else_branch=branch),
        node("Neg", "i", "late"),
        node("Neg", "i", "y"),
    ]
    return model(graph(nodes, "x c", "y"))


def _recursive(*calls: tuple[str, str]) -> ModelProto:
    made = [function(name, [node(called, "x", "y", domain="f")]) for name, called in calls]
    return model(graph([node(calls[0][0], "x", "y", domain="f")]), *made, f=1)


def _capturing() -> ModelProto:
    return model(graph([node("g", "x", "y", domain="f")]), function("g", [node("Add", "x outer", "y")]), f=1)


def _redefining() -> ModelProto:
    made = model(graph([node("Relu", "x", "y")]), function("Relu", [node("Neg", "x", "y")]), f=1)
    made.functions[0].domain = "ai.onnx"
    return made


def _two_functions() -> ModelProto:
    ours = function("g", [node("Neg", "x", "y")])
    theirs = function("g", [node("Abs", "x", "y")])
    return model(graph([node("g", "x", "y", domain="f")]), ours, theirs, f=1)


def _unknown_domain() -> ModelProto:
    return model(graph([node("Strange", "x", "y", domain="nobody.knows")]), **{"nobody.knows": 7})


def _two_opsets(made: ModelProto) -> None:
    made.opset_import.add(domain="ai.onnx", version=18)


def _unimported_function(made: ModelProto) -> None:
    step = node("Neg", "a", "b")
    made.functions.append(helper.make_function("q", "Q", ["a"], ["b"], [step], made.opset_import))
    made.graph.node.append(node("Q", "x", "q", domain="q"))


def _of_version(name: str, version: int) -> Callable[[ModelProto], None]:
    def edit(made: ModelProto) -> None:
        if name == "ir":
            made.ir_version = version
        else:
            made.opset_import[0].version = version

    return edit


def _old() -> ModelProto:
    made = plain()
    made.ir_version = 2
    made.graph.input.append(info("w"))
    del made.opset_import[:]
    return made


STRUCTURE: dict[str, Case] = {
    "graph: cycle": refused(_cyclic, "feed each other"),
    "graph: cycle through a body": refused(_cyclic_through_body, "feed each other"),
    "graph: a node feeds itself": refused(lambda: model(graph([node("Add", "x y", "y")])), "feed each other"),
    "graph: not sorted": Case(
        lambda: model(graph([node("Neg", "h", "y", "/late"), node("Neg", "x", "h", "/early")]))
    ),
    "graph: undefined input": refused(
        lambda: model(graph([node("Add", "x none", "y")])), "which nothing writes"
    ),
    "graph: undefined output": refused(
        lambda: model(graph([node("Neg", "x", "z")])), "nothing writes output"
    ),
    "graph: value written twice": refused(
        lambda: model(graph([node("Neg", "x", "y"), node("Abs", "x", "y")])), "is written twice"
    ),
    "graph: input overwritten": refused(
        lambda: model(graph([node("Neg", "x", "x"), node("Abs", "x", "y")])), "is written twice"
    ),
    "graph: input twice": refused(lambda: model(graph([node("Neg", "x", "y")], "x x")), "is there twice"),
    "graph: initializers of one name": spoiled(
        lambda made: made.graph.initializer.append(helper.make_tensor("w", FLOAT, [2], [3.0, 4.0])),
        "two initializers",
    ),
    "graph: equal initializers of one name": spoiled(
        lambda made: made.graph.initializer.append(build.tensor())
    ),
    "graph: nodes of one name": legal(lambda: chain(2, "/a/Neg"), numbers=True),
    "graph: no opset, as before IR 3": refused(_old, "does not import"),
    "graph: no opset": spoiled(lambda made: made.opset_import.pop(), "does not import"),
    "graph: no opset of a domain": Case(lambda: model(graph([node("Q", "x", "y", domain="q")]))),
    "graph: no opset of a function": spoiled(_unimported_function, "does not import"),
    "graph: two opsets": spoiled(_two_opsets, "two versions"),
    "graph: newer IR": spoiled(_of_version("ir", 9999)),
    "graph: newer opset": spoiled(_of_version("opset", 9999)),
    "graph: unknown domain": legal(_unknown_domain, numbers=True),
    "function: calls itself": refused(lambda: _recursive(("g", "g")), "without end"),
    "function: circle": refused(lambda: _recursive(("g", "h"), ("h", "g")), "'g' -> 'h' -> 'g'"),
    "function: captures": refused(_capturing, "of function 'g'"),
    "function: redefines an operator": legal(_redefining),
    "function: two of one name": refused(_two_functions, "two functions"),
    "size: doubling functions": refused(lambda: doubling(32), "limit of"),
    "size: doubling without bound": refused(lambda: doubling(99), "over 10^15 nodes"),
    "size: few doubling functions": legal(lambda: doubling(6), numbers=True),
    "size: doubling through bodies": refused(lambda: _branching(22), "limit of"),
    "size: wide calls": refused(lambda: _wide(2_000, 1_000), "comes to 2,002,000 nodes"),
    "size: more than a proof reads": Case(
        lambda: doubling(21),
        "the certificate reads 2,000,000",
        DONE,
        REFUSED,
        REFUSED,
        REFUSED,
        options=("--limit", "nodes=9000000"),
    ),
    "size: nested": refused(lambda: _nested_bytes(40), "40 deep"),
    "size: nested, as far as protobuf goes": legal(lambda: nested(20), numbers=True),
    "size: long chain": legal(lambda: chain(5_000, "n{}")),
    "size: scopes": legal(lambda: chain(2_000)),
    "size: folds to much": legal(lambda: _folding(10**12), numbers=True),
}


def _branching(levels: int) -> ModelProto:
    """Functions that call the next one in both branches of an If."""
    made = [function("f0", [node("Neg", "x", "y")])]
    yes = helper.make_tensor("", TensorProto.BOOL, [], [True])
    for level in range(1, levels + 1):
        branches = [graph([node(f"f{level - 1}", "x", "q", domain="f")], "", "q") for _ in range(2)]
        choice = node("If", "c", "y", then_branch=branches[0], else_branch=branches[1])
        made.append(function(f"f{level}", [node("Constant", "", "c", value=yes), choice]))
    return model(graph([node(f"f{levels}", "x", "y", domain="f")]), *made, f=1)


def _wide(calls: int, size: int) -> ModelProto:
    """Many calls of one long function."""
    inside = chain(size).graph
    called = function("w", inside.node, "v0", f"v{size}")
    nodes = [node("w", f"v{i}", f"v{i + 1}", domain="f") for i in range(calls)]
    return model(graph(nodes, "v0", f"v{calls}"), called, f=1)


_DEPTH, _BRANCHES = 60, 30


def _deep(number: int, separator: str = ".") -> str:
    """A module far inside of others that are its own."""
    return separator.join(f"m{number}_{level}" for level in range(_DEPTH))


def _long(content: Callable[[], ModelProto]) -> Case:
    """Paths of modules that come to more than a limit, which is low here; verbs that need no tree go on."""
    options = ("--limit", "paths=1000000")
    words = "too long, over the limit of"
    return Case(content, words, REFUSED, REFUSED, REFUSED, options=options, doctor=DONE)


def _deep_weights() -> ModelProto:
    names = [f"{_deep(number)}.weight" for number in range(_BRANCHES)]
    made = chain(_BRANCHES, "")
    for each, name in zip(made.graph.node, names, strict=True):
        each.op_type = "Add"
        each.input.append(name)
    made.graph.initializer.extend(build.tensor(name) for name in names)
    return made


def _deep_values() -> ModelProto:
    made = chain(_BRANCHES, "")
    for number, each in enumerate(made.graph.node[:-1]):
        name = f"/{_deep(number, '/')}/Neg_output_0"
        each.output[0] = made.graph.node[number + 1].input[0] = name
    return made


def _deep_entries(key: str, text: Callable[[int], str]) -> Callable[[], ModelProto]:
    def content() -> ModelProto:
        made = chain(_BRANCHES, "")
        for number, each in enumerate(made.graph.node):
            each.metadata_props.add(key=key, value=text(number))
        return made

    return content


def _deep_tree() -> ModelProto:
    made = chain(2)
    modules = [[_deep(number), "pkg.C", 1] for number in range(_BRANCHES)]
    made.metadata_props.add(key="rewriter.tree", value=json.dumps({"version": 1, "modules": modules}))
    return made


def _long_on_many() -> ModelProto:
    """A thousand nodes that go with the last one, whose module has a name of a thousand letters."""
    made = chain(1_000, "")
    made.graph.node[-1].name = f"/{'m' * 1_000}/Neg"
    return made


PATHS: dict[str, Case] = {
    "paths: of weights": _long(_deep_weights),
    "paths: of nodes": _long(lambda: _scoped("/{}/Neg", "/")),
    "paths: of nodes, as TensorFlow": _long(lambda: _scoped("{}/Neg", "/")),
    "paths: of nodes, as torch.jit": _long(lambda: _scoped("__module.{}/aten::neg", ".")),
    "paths: of values": _long(_deep_values),
    "paths: of an earlier run": _long(_deep_entries("rewriter.module", _deep)),
    "paths: of other tools": _long(_deep_entries("hierarchy_tag", lambda number: f"/R/{_deep(number, '/')}")),
    "paths: of the compact tree": _long(_deep_tree),
    "paths: long, on many nodes": _long(_long_on_many),
}


def _scoped(name: str, separator: str) -> ModelProto:
    made = chain(_BRANCHES, "")
    for number, each in enumerate(made.graph.node):
        each.name = name.format(_deep(number, separator))
    return made


def _folding(size: int) -> ModelProto:
    shape = helper.make_tensor("shape", TensorProto.INT64, [1], [size])
    nodes = [node("ConstantOfShape", "shape", "c"), node("ReduceSum", "c", "s"), node("Add", "x s", "y")]
    return model(graph(nodes, "x", "y", shape))


def _named(name: str) -> Case:
    """A legal file of one node, weight and metadata entry of that name."""

    def content() -> ModelProto:
        made = model(graph([node("Add", "x weight", "y", f"/{name}/Add")], "x", "y", build.tensor("weight")))
        made.graph.initializer[0].name = made.graph.node[0].input[1] = f"{name}.weight"
        made.graph.node[0].metadata_props.add(key=name, value=name)
        made.graph.doc_string = made.producer_name = name
        return made

    return legal(content)


def _not_utf8(field: str) -> bytes:
    made = plain()
    if field == "node":
        made.graph.node[0].name = "abcdef"
    elif field == "weight":
        made.graph.initializer[0].name = made.graph.node[0].input[1] = "abcdef"
    else:
        made.doc_string = made.producer_name = "abcdef"
    return made.SerializeToString().replace(b"abcdef", b"ab\xff\xfeef")


def _twins(*names: str) -> ModelProto:
    nodes = [node("Neg", "x", f"v{i}", f"/{name}/Neg") for i, name in enumerate(names)]
    return model(graph([*nodes, node("Sum", " ".join(f"v{i}" for i in range(len(names))), "y", "/Sum")]))


def _large_metadata() -> ModelProto:
    made = plain()
    made.metadata_props.add(key="large", value="x" * 20_000_000)
    return made


UTF8_ONLY = "is not UTF-8"

NAMES: dict[str, Case] = {
    **{
        f"name: {what}": _named(name)
        for what, name in {
            "NUL": "a\0b",
            "colours": "\x1b[31mred\x1b[0m",
            "title of the terminal": "\x1b]0;owned\x07",
            "C1": "a\x9b31mb",
            "link": "\x1b]8;;http://x\x1b\\y\x1b]8;;\x1b\\",
            "newline": "a\nrewriter: all is well\r\n",
            "bidi": "a\u202egnp.exe\u2066",
            "zero width": "a\u200bb\ufeff",
            "markup": "<script>alert(1)</script>",
            "rich markup": "[bold red]a[/] [link=http://x]b[/link] [/nonsense]",
            "path": "../../../outside/secret",
            "absolute path": "/outside/secret",
            "long": "n" * 1_000_000,
            "printf": "%s%n{0}{}${HOME}`id`",
        }.items()
    },
    "name: twins by case and form": legal(lambda: _twins("e\u0301", "\u00e9", "A.B", "a.b", "a/b")),
    "name: node not UTF-8": Case(lambda: _not_utf8("node"), UTF8_ONLY, group=REFUSED),
    "name: weight not UTF-8": Case(lambda: _not_utf8("weight"), UTF8_ONLY, group=REFUSED),
    "name: text not UTF-8": legal(lambda: _not_utf8("text")),
    "name: large metadata": legal(_large_metadata),
}


def _sparse(made: ModelProto) -> None:
    indices = helper.make_tensor("", TensorProto.INT64, [1], [1])
    values = helper.make_tensor("s", FLOAT, [1], [5.0])
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [2]))


def _defaults() -> ModelProto:
    made = function("g", [node("LeakyRelu", "x", "y")])
    reference = made.node[0].attribute.add(name="alpha", ref_attr_name="alpha", type=AttributeProto.FLOAT)
    assert reference.ref_attr_name
    made.attribute_proto.append(helper.make_attribute("alpha", 0.5))
    return model(graph([node("g", "x", "y", domain="f")]), made, f=1)


def _narrow(made: ModelProto) -> None:
    for name, bits in (("INT4", 4), ("UINT4", 4), ("INT2", 2), ("FLOAT8E5M2", 8), ("BFLOAT16", 16)):
        if name in TensorProto.DataType.keys():  # noqa: SIM118 - a protobuf enum is no mapping
            element = TensorProto.DataType.Value(name)
            made.graph.initializer.add(
                name=name, data_type=element, dims=[3], raw_data=bytes((3 * bits + 7) // 8)
            )


LEGAL: dict[str, Case] = {
    "legal: plain": legal(plain, numbers=True),
    "legal: sparse initializer": spoiled(_sparse),
    "legal: narrow types": spoiled(_narrow),
    "legal: strings": spoiled(
        lambda made: made.graph.initializer.append(
            TensorProto(name="t", data_type=TensorProto.STRING, dims=[1], string_data=[b"\xff"])
        )
    ),
    "legal: defaults of attributes": legal(_defaults, numbers=True),
    "legal: training": spoiled(lambda made: made.training_info.add().algorithm.CopyFrom(made.graph)),
    "legal: quantisation": spoiled(lambda made: made.graph.quantization_annotation.add(tensor_name="w")),
    "legal: functions alone": legal(
        lambda: ModelProto(
            ir_version=10,
            opset_import=[helper.make_opsetid("", 17)],
            functions=[function("g", [node("Neg", "x", "y")])],
        )
    ),
    "legal: empty graph": legal(lambda: model(graph([], "x", "x"))),
    "legal: an initializer that is an input": legal(
        lambda: model(graph([node("Add", "x w", "y")], "x w", "y", build.tensor()))
    ),
    "legal: external data": Case(external, beside=lambda folder: _written(folder / "m.data"), numbers=True),
}


def _written(path: Path) -> None:
    path.write_bytes(bytes(8))


CASES: dict[str, Case] = EXTERNAL | FILES | STRUCTURE | PATHS | NAMES | LEGAL
