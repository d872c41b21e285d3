"""Small files for the rules of the doctor: one with what a rule goes by, and a flat plain one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
from onnx import ModelProto, TensorProto, helper, numpy_helper

Make = Callable[[], ModelProto]

HEAD = '<ir_version: 10, opset_import: ["" : 17, "f" : 1]>\n'
BODY = '<opset_import: ["" : 17, "f" : 1], domain: "f">\n'
WEIGHT = "float[4,4] w = {1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7}"
FLAT = f"g (float[2,4] x) => (float[2,4] y) <{WEIGHT}> {{ [n] t = MatMul(x, w)\n [m] y = Relu(t) }}\n"
CALL = f"g (float[2,4] x) => (float[2,4] y) <{WEIGHT}> {{ [n] y = f.lin(x, w) }}\n"
LIN = BODY + "lin (a, b) => (c) { [p] t = MatMul(a, b)\n [q] c = Relu(t) }\n"


def parsed(text: str) -> ModelProto:
    model: ModelProto = onnx.parser.parse_model(HEAD + text)
    return model


def flat() -> ModelProto:
    """MatMul and Relu."""
    return parsed(FLAT)


def function() -> ModelProto:
    """The same as a function."""
    return parsed(CALL + LIN)


def wasteful() -> ModelProto:
    """Two transposes that cancel each other, as every optimiser sees."""
    return parsed("""g (float[2,4] x) => (float[2,4] y) {
        a = Transpose<perm = [1, 0]>(x)
        b = Transpose<perm = [1, 0]>(a)
        y = Relu(b)
    }""")


def wasteful_function() -> ModelProto:
    return parsed(
        "g (float[2,4] x) => (float[2,4] y) { y = f.lin(x) }\n"
        + BODY
        + """lin (x) => (y) {
        a = Transpose<perm = [1, 0]>(x)
        b = Transpose<perm = [1, 0]>(a)
        y = Relu(b)
    }"""
    )


def called_twice() -> ModelProto:
    return parsed(
        f"g (float[2,4] x) => (float[2,4] y) <{WEIGHT}> {{ h = f.lin(x, w)\n y = f.lin(h, w) }}\n" + LIN
    )


def noted(make: Make = flat) -> ModelProto:
    """Every node has metadata."""
    model = make()
    for nodes in (model.graph.node, *(each.node for each in model.functions)):
        for node in nodes:
            node.metadata_props.add(key="rewriter.module", value="m")
    return model


def noted_waste() -> ModelProto:
    return noted(wasteful)


def noted_function() -> ModelProto:
    return noted(function)


def nested(depth: int) -> Make:
    """A body of 300 nodes in so many functions."""

    def make() -> ModelProto:
        leaf = "\n".join(["v0 = Sin(x)", *(f"v{n + 1} = Sin(v{n})" for n in range(298)), "y = Sin(v298)"])
        bodies = [*(f"y = f.f{n + 1}(x)" for n in range(depth - 1)), leaf]
        text = "".join(f"{BODY}f{n} (x) => (y) {{ {body} }}\n" for n, body in enumerate(bodies))
        return parsed("g (float[2] x) => (float[2] y) { y = f.f0(x) }\n" + text)

    return make


def doubling(levels: int) -> ModelProto:
    """Functions that call the next one twice."""
    bodies = [f"h = f.f{n + 1}(x)\n y = f.f{n + 1}(h)" for n in range(levels)] + ["y = Relu(x)"]
    text = "".join(f"{BODY}f{n} (x) => (y) {{ {body} }}\n" for n, body in enumerate(bodies))
    return parsed("g (float[2] x) => (float[2] y) { y = f.f0(x) }\n" + text)


def softmax(opset: int) -> Make:
    """What Softmax(axis=1) means changed in opset 13; the model has 17, the function what is asked for."""

    def make() -> ModelProto:
        model = parsed(
            "g (float[2,2,2] x) => (float[2,2,2] y) { y = f.s(x) }\n"
            + BODY
            + "s (a) => (c) { c = Softmax<axis: int = 1>(a) }"
        )
        model.functions[0].opset_import[0].version = opset
        return model

    return make


def defaults(*, stated: bool) -> Make:
    """A function with a default of 0.5 for alpha, or a call that gives it to a function without one."""

    def make() -> ModelProto:
        signature, given = ("<alpha>", "<alpha: float = 0.5>") if stated else ("<alpha: float = 0.5>", "")
        return parsed(
            f"g (float[2,4] x) => (float[2,4] y) {{ y = f.leak {given} (x) }}\n"
            + BODY
            + f"leak {signature} (a) => (c) {{ c = LeakyRelu <alpha: float = @alpha> (a) }}"
        )

    return make


def ordered(*, callee_first: bool) -> Make:
    def make() -> ModelProto:
        model = parsed(
            "g (float[2] x) => (float[2] y) { y = f.a(x) }\n"
            + f"{BODY}a (p) => (q) {{ q = f.b(p) }}\n{BODY}b (p) => (q) {{ q = Relu(p) }}"
        )
        if callee_first:
            found = list(model.functions)[::-1]
            model.ClearField("functions")
            model.functions.extend(found)
        return model

    return make


def many_functions(number: int) -> Make:
    def make() -> ModelProto:
        model = function()
        for n in range(number - 1):
            model.functions.add().CopyFrom(model.functions[0])
            model.functions[-1].name = f"lin{n}"
        return model

    return make


def named(name: str) -> Make:
    """A function of that name that uses Relu."""

    def make() -> ModelProto:
        model = function()
        model.functions[0].name = model.graph.node[0].op_type = name
        return model

    return make


def branching(*, called: bool) -> Make:
    """An If, and in front of it a function or an operator."""

    def make() -> ModelProto:
        return parsed(
            f"""g (float[2] x, bool b) => (float[2] y) {{ z = {"f.a" if called else "Relu"}(x)
            y = If (b) <then_branch = t () => (float[2] p) {{ p = Relu(z) }},
                        else_branch = e () => (float[2] q) {{ q = Neg(z) }}> }}\n"""
            + (f"{BODY}a (a) => (c) {{ c = Relu(a) }}" if called else "")
        )

    return make


def scaled() -> ModelProto:
    """A function that holds a float constant."""
    return parsed(
        CALL
        + BODY
        + "lin (a, b) => (c) { t = MatMul(a, b)\n s = Constant<value = float {2}>()\n c = Mul(t, s) }"
    )


def overloaded(*, twins: bool, inner: bool = False) -> Make:
    """Two functions of one name, or of two; called by the graph, or by a function."""

    def make() -> ModelProto:
        model = parsed(
            "g (float[2] x) => (float[2] y) { h = f.a(x)\n y = f.b(h) }\n"
            + f"{BODY}a (p) => (q) {{ q = Sin(p) }}\n{BODY}b (p) => (q) {{ q = Exp(p) }}"
        )
        if twins:
            for at in range(2):
                model.functions[at].name = model.graph.node[at].op_type = "same"
                model.functions[at].overload = model.graph.node[at].overload = f"o{at}" if at else ""
        if inner:
            outer = model.functions.add(name="outer", domain="f", input=["x"], output=["y"])
            outer.opset_import.extend(model.opset_import)
            outer.node.extend(model.graph.node)
            model.graph.ClearField("node")
            model.graph.node.add(op_type="outer", domain="f", input=["x"], output=["y"])
        return model

    return make


def typed_function() -> ModelProto:
    model = function()
    model.functions[0].value_info.add(name="t", type=helper.make_tensor_type_proto(TensorProto.FLOAT, [2, 4]))
    return model


def documented() -> ModelProto:
    model = flat()
    model.doc_string = model.graph.node[0].doc_string = "said"
    return model


def annotated() -> ModelProto:
    model = flat()
    annotation = model.graph.quantization_annotation.add(tensor_name="t")
    annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="w")
    return model


def training() -> ModelProto:
    model = flat()
    model.training_info.add().algorithm.CopyFrom(model.graph)
    return model


def sparse() -> ModelProto:
    model = flat()
    model.graph.ClearField("initializer")
    values = numpy_helper.from_array(np.array([1, 2], np.float32), "w")
    places = numpy_helper.from_array(np.array([0, 5], np.int64), "places")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [4, 4]))
    return model


def model_noted() -> ModelProto:
    model = flat()
    model.metadata_props.add(key="rewriter.tree", value="{}")
    return model


def of_ir(version: int) -> Make:
    def make() -> ModelProto:
        model = flat()
        model.ir_version = version
        return model

    return make


def of_opset(version: int) -> Make:
    def make() -> ModelProto:
        model = flat()
        model.opset_import[0].version = version
        return model

    return make


def save(model: ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def save_external(path: Path, *, linked: bool = False) -> Path:
    """`flat` with its weight beside it, in a file with one name or with two."""
    model = flat()
    (weight,) = model.graph.initializer
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight), weight.name))
    onnx.save(
        model, path, save_as_external_data=True, location="w.data", size_threshold=0, convert_attribute=False
    )
    if linked:
        (path.parent / "w.data").rename(path.parent / "elsewhere.data")
        (path.parent / "w.data").hardlink_to(path.parent / "elsewhere.data")
    return path


def save_large(path: Path, size: int) -> Path:
    """A model with a weight of so many bytes in a sparse file, which takes no room on the disk."""
    model = parsed("g (float[1] x) => (float[1] y) { y = Relu(x) }")
    tensor = model.graph.initializer.add(name="w", dims=[size], data_type=TensorProto.UINT8)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="w.data")
    with (path.parent / "w.data").open("wb") as file:
        file.truncate(size)
    return save(model, path)


def folding() -> ModelProto:
    """A transposed weight, which a session computes once."""
    return parsed(
        f"g (float[2,4] x) => (float[2,4] y) <{WEIGHT}> "
        "{ v = Transpose(w)\n t = MatMul(x, v)\n y = Relu(t) }"
    )


def listed_folding() -> ModelProto:
    return listed(folding)


def listed(make: Make = flat) -> ModelProto:
    """IR version 3: the weight is listed as an input, as every initializer has to be."""
    model = make()
    model.ir_version = 3
    del model.opset_import[1:]
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 4]))
    return model


def called(name: str, inputs: int) -> Make:
    """A function of that name, called with so many inputs."""
    given = ", ".join(("x", "w")[:inputs])
    formals = ", ".join(("a", "b")[:inputs])
    text = f"g (float[2,4] x) => (float[2,4] y) <float[4] w = {{1,2,3,4}}> {{ y = f.{name}({given}) }}\n"
    makes = "Relu(a)" if inputs else "Constant<value = float[2,4] {1,2,3,4,5,6,7,8}>()"
    return lambda: parsed(text + BODY + f"{name} ({formals}) => (c) {{ c = {makes} }}")


def unsorted(make: Make = flat) -> ModelProto:
    """The nodes of the main graph in the opposite order."""
    return _reversed(make(), lambda model: model.graph)


def unsorted_function(*, called: bool = True) -> Make:
    """A function whose nodes are not sorted; where nothing calls it, the graph does the same by itself."""

    def make() -> ModelProto:
        model = _reversed(function(), lambda model: model.functions[0])
        if not called:
            model.graph.CopyFrom(flat().graph)
        return model

    return make


def branches(of: str = "graph", *, swapped: bool = False) -> Make:
    """An If with a branch of two nodes, in the main graph or in a function; the two may be swapped."""
    taken = "y = If (b) <then_branch = t () => (float[2] p) { q = Relu(x)\n p = Sin(q) }, "
    taken += "else_branch = e () => (float[2] r) { r = Neg(x) }>"
    main = "g (float[2] x, bool b) => (float[2] y) {"

    def make() -> ModelProto:
        if of == "graph":
            model = parsed(f"{main} {taken} }}")
        else:
            model = parsed(f"{main} y = f.a(x, b) }}\n{BODY}a (x, b) => (y) {{ {taken} }}")
        (node,) = model.graph.node if of == "graph" else model.functions[0].node
        return _reversed(model, lambda _: node.attribute[0].g) if swapped else model

    return make


def reading_later() -> ModelProto:
    """An If in front of the node whose value its branches read."""
    return unsorted(branching(called=False))


def _reversed(model: ModelProto, of: Callable[[ModelProto], Any]) -> ModelProto:
    holder = of(model)
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in holder.node]
    holder.ClearField("node")
    holder.node.extend(nodes[::-1])
    return model
