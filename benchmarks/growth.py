"""Measures the growth of time with hostile files: `python -m benchmarks.growth [--verbs=a,b] [GLOB...]`.

Makes each kind of model in memory in two sizes, one `TIMES` as large as the other, and prints the processor
seconds of both and their ratio for every verb. Linear time has a ratio of `TIMES`; at `SUSPECT` and above the
row is marked. The sizes are small enough that quadratic time shows without hours of waiting.
"""

from __future__ import annotations

import gc
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from fnmatch import fnmatchcase
from multiprocessing import get_context
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

import rewriter
from rewriter.errors import RewriterError, UsageError
from rewriter.views.json import explain_json
from rewriter.views.json.tree import tree_json

TIMES, SUSPECT, LEAST = 4, 7, 0.25
"""Ratio of the two sizes; ratio of the times from which a row is marked; seconds below which none is."""
MOST = 60
"""Processor seconds after which a measurement ends."""

Kind = Callable[[int], ModelProto]


def model(
    nodes: Sequence[NodeProto],
    tensors: Sequence[TensorProto] = (),
    outputs: Sequence[str] = ("y",),
    functions: Sequence[onnx.FunctionProto] = (),
) -> ModelProto:
    """Make a model with the inputs x (8 floats) and c (bool)."""
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [8]),
        helper.make_tensor_value_info("c", TensorProto.BOOL, []),
    ]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in outputs]
    graph = helper.make_graph(list(nodes), "g", inputs, results, list(tensors))
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("m", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10, functions=list(functions))


def tensor(name: str, *shape: int) -> TensorProto:
    """Make a tensor of 8 floats, or of a shape."""
    return numpy_helper.from_array(np.ones(shape or (8,), np.float32), name)


def node(operator: str, inputs: str, output: str, name: str = "", **attributes: Any) -> NodeProto:
    """Make a node; `inputs` are separated by spaces."""
    return helper.make_node(operator, inputs.split(), [output], name, **attributes)


def steps(names: Sequence[str], operator: str = "Relu", values: str = "v{}") -> list[NodeProto]:
    """Make a chain of nodes from x to y."""
    last = len(names) - 1
    return [
        node(
            operator,
            values.format(at) if at else "x",
            values.format(at + 1) if at < last else "y",
            name,
        )
        for at, name in enumerate(names)
    ]


def reading(
    weights: Sequence[str], names: Sequence[str] | None = None, operator: str = "Add"
) -> list[NodeProto]:
    """Make a chain of nodes that each read a weight."""
    made = steps(names or [""] * len(weights), operator)
    for each, weight in zip(made, weights, strict=True):
        each.input.append(weight)
    return made


def aliases(count: int) -> ModelProto:
    """Make parameters that are all Identity of one tensor."""
    names = [f"layers.{at}.weight" for at in range(count)]
    return model(
        [*(node("Identity", "w.weight", name) for name in names), *reading(names)], [tensor("w.weight")]
    )


def alias_chain(count: int) -> ModelProto:
    """Make parameters that are each the Identity of the one before."""
    names = [f"layers.{at}.weight" for at in range(count)]
    made = [node("Identity", before, name) for before, name in zip(["w.weight", *names], names, strict=False)]
    return model([*made, *reading(names)], [tensor("w.weight")])


def identity_chain(count: int) -> ModelProto:
    """Make a chain of Identity nodes without names."""
    return model(steps([""] * count, "Identity"))


def _branch(output: str, nodes: Sequence[NodeProto] = (), name: str = "b") -> onnx.GraphProto:
    return helper.make_graph(
        list(nodes), name, [], [helper.make_tensor_value_info(output, TensorProto.FLOAT, [8])]
    )


def ifs_of_one_value(count: int) -> ModelProto:
    """Make Ifs whose branches output one value of the main graph."""
    body = _branch("h")
    ifs = [node("If", "c", f"v{at}", then_branch=body, else_branch=body) for at in range(count)]
    return model([node("Neg", "x", "h"), *ifs, node("Neg", "v0", "y")])


def bodies_of_one_name(count: int) -> ModelProto:
    """Make Ifs whose branches use the same names for nodes, values and weights."""
    body = _branch("p", [node("Add", "x w.weight", "p", "n")])
    body.initializer.append(tensor("w.weight"))
    ifs = [
        node("If", "c", f"v{at}", f"/i.{at}/If", then_branch=body, else_branch=body) for at in range(count)
    ]
    return model([*ifs, node("Neg", "v0", "y")])


def one_shared_weight(count: int) -> ModelProto:
    """Make Gemms that share weight and bias."""
    made = reading(["w.weight"] * count, operator="Gemm")
    for each in made:
        each.input.append("w.bias")
    return model(made, [tensor("w.weight", 8, 8), tensor("w.bias")])


def one_shared_bias(count: int) -> ModelProto:
    """Make layers whose biases are one tensor."""
    weights = [f"layers.{at}.weight" for at in range(count)]
    made = reading(weights, operator="MatMul")
    sums = []
    for each in made:
        result = each.output[0]
        each.output[0] = f"{result}_m"
        sums += [each, node("Add", f"{result}_m layers.0.bias", result)]
    return model(sums, [*(tensor(name, 8, 8) for name in weights), tensor("layers.0.bias")])


def one_value_for_all(count: int) -> ModelProto:
    """Make nodes of different modules that all read one value."""
    return model(
        [
            node("Relu", "x", "h", "/a/Relu"),
            *(node("Relu", "h", f"v{at}", f"/m.{at}/Relu") for at in range(count)),
            node("Neg", "v0", "y"),
        ]
    )


def fan_in(count: int) -> ModelProto:
    """Make one node that reads all values."""
    made = [node("Relu", "x", f"v{at}", f"/m.{at}/Relu") for at in range(count)]
    return model([*made, node("Sum", " ".join(f"v{at}" for at in range(count)), "y", "/Sum")])


def grid(count: int) -> ModelProto:
    """Make layers of nodes without names that all read all of the layer before."""
    width = max(2, round(count**0.5))
    made, before = [], ["x"]
    for layer in range(width):
        now = [f"v{layer}_{at}" for at in range(width)]
        made += [node("Sum", " ".join(before), name) for name in now]
        before = now
    return model([*made, node("Sum", " ".join(before), "y", "/head/Sum")])


def flat_modules(count: int) -> ModelProto:
    """Make modules beside each other."""
    return model(steps([f"/layers.{at}/Relu" for at in range(count)]))


def deep_modules(count: int) -> ModelProto:
    """Make modules inside each other, as deep as a tree may be."""
    depth = 60
    prefixes = ["/".join(f"a{at}" for at in range(depth))] * count
    return model(steps([f"/{prefix}/b{at}/Relu" for at, prefix in enumerate(prefixes)]))


def repeated_calls(count: int) -> ModelProto:
    """Make calls of one module, each under the name of the first."""
    names = []
    for at in range(count // 3):
        suffix = f"_{at}" if at else ""
        names += [f"/a/b{suffix}/Relu", f"/a/b{suffix}/Neg", f"/c{suffix}/Relu"]
    return model(steps(names))


def suffixed(count: int) -> ModelProto:
    """Make operators with numbers behind their names in one module."""
    return model(steps([f"/a/Relu_{at}" if at else "/a/Relu" for at in range(count)]))


def unnamed_layers(count: int) -> ModelProto:
    """Make layers whose weights and nodes have no names."""
    weights = [f"onnx::MatMul_{at}" for at in range(count)]
    return model(reading(weights, operator="MatMul"), [tensor(name, 8, 8) for name in weights])


def named_layers(count: int) -> ModelProto:
    """Make layers that only the names of their weights show."""
    weights = [f"layers.{at}.weight" for at in range(count)]
    return model(reading(weights, operator="MatMul"), [tensor(name, 8, 8) for name in weights])


def reversed_nodes(count: int) -> ModelProto:
    """Make a chain whose nodes stand in the reverse order."""
    return model(steps([f"/layers.{at}/Relu" for at in range(count)])[::-1])


def reversed_draws(count: int) -> ModelProto:
    """Make a chain of random draws in the reverse order."""
    return model(steps([f"/layers.{at}/R" for at in range(count)], "RandomNormalLike")[::-1])


def interleaved(count: int) -> ModelProto:
    """Make two modules whose nodes alternate, each reading the other's."""
    return model(steps([f"/m.{at % 2}/Relu_{at}" for at in range(count)]))


def constants(count: int) -> ModelProto:
    """Make nodes that each read a Constant of their own."""
    weights = [f"k{at}" for at in range(count)]
    made = [helper.make_node("Constant", [], [name], value=tensor("")) for name in weights]
    return model([*made, *reading(weights)])


def norms(count: int) -> ModelProto:
    """Make one batch norm after another, all with the same tensors."""
    made = []
    for at in range(count):
        out = "y" if at == count - 1 else f"v{at + 1}"
        made.append(node("BatchNormalization", f"{f'v{at}' if at else 'x'} s b m v", out, f"/n{at}/B"))
    return model(made, [tensor(name) for name in "sbmv"])


def tied_names(count: int) -> ModelProto:
    """Make weights whose names differ in case alone."""
    weights = [f"a{at}.Weight" if at % 2 else f"A{at}.weight" for at in range(count)]
    return model(reading(weights), [tensor(name) for name in weights])


def functions_of_one_body(count: int) -> ModelProto:
    """Make functions of equal bodies, each called once."""
    imports = [helper.make_opsetid("", 17)]
    made = [
        helper.make_function(
            "m", f"F{at}", ["i"], ["o"], [node("Relu", "i", "h"), node("Neg", "h", "o")], imports
        )
        for at in range(count)
    ]
    calls = steps([f"/m.{at}/F" for at in range(count)])
    for at, each in enumerate(calls):
        each.domain, each.op_type = "m", f"F{at}"
    return model(calls, functions=made)


def calls_of_one_function(count: int) -> ModelProto:
    """Make calls of one function."""
    imports = [helper.make_opsetid("", 17)]
    made = helper.make_function("m", "F", ["i"], ["o"], [node("Relu", "i", "o")], imports)
    calls = steps([f"/m.{at}/F" for at in range(count)], "F")
    for each in calls:
        each.domain = "m"
    return model(calls, functions=[made])


def _words(text: str) -> Kind:
    def make(count: int) -> ModelProto:
        return model(
            steps(
                [f"/a/{text * count}/Relu", f"/{text * count}", text * count, f"{text * count}!", "/b/Relu"]
            )
        )

    return make


WORDS = (
    "a",
    "_",
    "1",
    ".",
    "/",
    "_1",
    "a.",
    "a/",
    "/a/",
    "::",
    "a::",
    "[",
    "(",
    "[0]",
    "()",
    "->",
    "__",
    "a_1/",
    "$",
    "Conv",
    "MatMul",
    "/MatMulAddFusion",
    "_output_0",
    "_quantized",
    "_QuantizeLinear",
    "a;",
    "\\",
    "%",
    "^",
    "{",
    "\u00e9",
    " ",
    "\n",
    "-",
    "onnx::",
)
"""Pieces of names that are repeated."""


def _values(text: str) -> Kind:
    def make(count: int) -> ModelProto:
        weight = f"{text * count}.weight"
        nodes = steps(["", ""], values=f"{text * count}{{}}")
        nodes[1].op_type = "Add"
        nodes[1].input.append(weight)
        return model(nodes, [tensor(weight)])

    return make


KINDS: dict[str, tuple[Kind, int]] = {
    each.__name__: (each, size)
    for each, size in (
        (aliases, 2000),
        (alias_chain, 2000),
        (identity_chain, 4000),
        (ifs_of_one_value, 1500),
        (bodies_of_one_name, 1000),
        (one_shared_weight, 3000),
        (one_shared_bias, 1500),
        (one_value_for_all, 3000),
        (fan_in, 3000),
        (grid, 1600),
        (flat_modules, 3000),
        (deep_modules, 400),
        (repeated_calls, 3000),
        (suffixed, 4000),
        (unnamed_layers, 1500),
        (named_layers, 1500),
        (reversed_nodes, 3000),
        (reversed_draws, 3000),
        (interleaved, 3000),
        (constants, 2000),
        (norms, 1500),
        (tied_names, 1500),
        (functions_of_one_body, 800),
        (calls_of_one_function, 2000),
    )
}
KINDS |= {f"word {text!r}": (_words(text), 1500) for text in WORDS}
KINDS |= {f"value {text!r}": (_values(text), 1500) for text in WORDS}


def _explain(made: ModelProto) -> None:
    opened = rewriter.open(made)
    for name in ("n", "h", "p", "w.weight", "layers.0.bias", "v0", "(root)"):
        with suppress(UsageError):
            explain_json(opened.explain(name))


def _changed(made: ModelProto) -> ModelProto:
    other = ModelProto()
    other.CopyFrom(made)
    other.graph.node.append(node("Neg", "x", "other"))
    return other


VERBS: dict[str, Callable[[ModelProto], object]] = {
    "tree": lambda made: str(rewriter.load(made)),
    "json": lambda made: tree_json(rewriter.load(made)),
    "stats": lambda made: str(rewriter.open(made).stats()),
    "explain": _explain,
    "select": lambda made: str(rewriter.open(made).select("**", operators=["Add"])),
    "diff": lambda made: str(rewriter.diff(made, _changed(made), numbers=False)),
    "rewrite": lambda made: rewriter.rewrite(made, numbers=False),
    "shared": lambda made: rewriter.rewrite(made, functions="shared", numbers=False),
}


def measure(kind: str, count: int, verb: str) -> float:
    """Return the processor seconds of a verb on a model of `count` parts; NaN if it is refused."""
    make, _ = KINDS[kind]
    made = make(count)
    with suppress(RewriterError):
        VERBS[verb](make(4))  # imports
    resource.setrlimit(resource.RLIMIT_CPU, (MOST, MOST))
    gc.collect()
    start = time.process_time()
    try:
        VERBS[verb](made)
    except RewriterError as error:
        print(f"    {kind}, {verb}: {str(error)[:120]}", flush=True)
        return float("nan")
    return time.process_time() - start


def row(kind: str, verb: str) -> str:
    """Return a line with the times of both sizes and their ratio."""
    _, count = KINDS[kind]
    context = get_context("fork")
    times = []
    for size in (count, count * TIMES):
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            try:
                times.append(pool.submit(measure, kind, size, verb).result())
            except BrokenProcessPool:
                times.append(float("inf"))
    ratio = times[1] / max(times[0], 0.005)
    mark = "  SUSPECT" if ratio >= SUSPECT and times[1] > LEAST else ""
    return f"{kind:28} {verb:8} {count:6} {times[0]:7.2f} s {times[1]:7.2f} s  x {ratio:5.1f}{mark}"


def main(words: Sequence[str]) -> None:
    """Measure the kinds that match, or all."""
    chosen = [word.removeprefix("--verbs=") for word in words if word.startswith("--verbs=")]
    globs = [word for word in words if not word.startswith("--verbs=")]
    for kind in KINDS:
        if not globs or any(fnmatchcase(kind, glob) for glob in globs):
            for verb in chosen[0].split(",") if chosen else VERBS:
                print(row(kind, verb), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
