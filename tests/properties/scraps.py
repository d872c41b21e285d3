"""Small random graphs whose names and metadata say all sorts of things of modules."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import strategies as st
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

_ATOMS = ("a", "b", "layer.0", "layer.1", "layers.1.2", "act", "0", "blocks", "self", "a_1", "odd name", "ü")
_UNARY = ("Relu", "Neg", "Identity", "Transpose", "Sqrt", "Cast", "Softmax", "ReduceMean")
_BINARY = ("Add", "Mul", "MatMul", "Reshape", "Concat", "Pow", "Div", "Gather", "Gemm")
_OPERATORS = (*_UNARY, *_BINARY, "Constant")
_STYLES = ("dynamo without metadata", "names", "names and metadata", "names and metadata", "all")


def graphs() -> st.SearchStrategy[ModelProto]:
    """Random graphs; hypothesis makes every draw, so it can shrink them."""
    return st.randoms(use_true_random=False).map(draw_graph)


def draw_graph(rng: Random) -> ModelProto:
    """A graph that is valid but for the types of its values, which no reader of names looks at."""
    return _Draft(rng).model()


class _Draft:
    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.style = rng.choice(_STYLES)
        self.values = ["x"]
        self.nodes: list[NodeProto] = []
        self.weights = list(dict.fromkeys(_weight(rng, number) for number in range(rng.randrange(5))))
        self.taken = {"x", *self.weights}

    def model(self) -> ModelProto:
        for number in range(self.rng.randrange(1, 14)):
            self._add(number)
            if self.style == "all" and self.rng.randrange(8) == 0:
                self._branch(number)
        results = dict.fromkeys([self.values[-1], self.rng.choice(self.values[1:])])
        graph = helper.make_graph(
            self.nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 2])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in results],
            [helper.make_tensor(name, TensorProto.FLOAT, [2, 2], [1.0] * 4) for name in self.weights],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)

    def _add(self, number: int) -> None:
        rng = self.rng
        operator = rng.choice(_OPERATORS)
        arity = 0 if operator == "Constant" else 1 if operator in _UNARY else 2
        reads = [rng.choice((*self.values, *self.weights, *self.weights)) for _ in range(arity)]
        bare = self.style == "dynamo without metadata"
        name = rng.choice(("", f"node_{number}")) if bare else _node(rng, operator, number)
        result = rng.choice((f"val_{number}", f"add_{number}", f"v{number}")) if bare else ""
        node = helper.make_node(operator, reads, [self._fresh(result or _value(rng, operator, number, name))])
        node.name = name
        if operator == "Constant":
            node.attribute.append(helper.make_attribute("value_float", 1.0))
        if self.style in ("names and metadata", "all"):
            for key, text in _metadata(rng, operator).items():
                node.metadata_props.add(key=key, value=text)
        self.nodes.append(node)
        self.values += node.output

    def _branch(self, number: int) -> None:
        """An If whose two bodies bear the same names."""
        read = self.rng.choice(self.values)
        inner = [
            helper.make_node("Relu", [read], [f"in_{number}"], name=_node(self.rng, "Relu", number)),
            helper.make_node("Neg", [f"in_{number}"], ["y"], name=_node(self.rng, "Neg", number)),
        ]
        result = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        bodies: list[GraphProto] = [helper.make_graph(inner, name, [], [result]) for name in ("then", "else")]
        node = helper.make_node(
            "If", ["x"], [self._fresh(f"if_{number}")], name=_node(self.rng, "If", number)
        )
        for name, body in zip(("then_branch", "else_branch"), bodies, strict=True):
            node.attribute.append(helper.make_attribute(name, body))
        self.nodes.append(node)
        self.values += node.output

    def _fresh(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name


def _path(rng: Random) -> list[str]:
    return [rng.choice(_ATOMS) for _ in range(rng.randrange(4))]


def _node(rng: Random, operator: str, number: int) -> str:
    path = _path(rng)
    forms: Sequence[str] = (
        "",
        f"node_{operator}_{number}",
        "/" + "/".join([*path, operator]),
        "/" + "/".join([*path, operator]) + rng.choice(("", "_1", "_2")),
        "/".join([*path, operator]),
        "/".join(["A::", *(f"B::{atom}" for atom in path), operator]),
        f"C::__module.{'.'.join(path)}/aten::{operator}",
        "/" + "/".join([*path, "MatMul", "MatMulAddFusion"]),
        "/" + "/".join([*path, operator]) + "_output_0_quant",
    )
    return rng.choice(forms)


def _value(rng: Random, operator: str, number: int, node: str) -> str:
    named = (node or f"/a/{operator}") + "_output_0"
    scoped = "/" + "/".join([*_path(rng), operator]) + f"_{number}_output_0"
    return rng.choice((f"v{number}", f"val_{number}", f"linear_{number}", f"getitem_{number}", named, scoped))


def _weight(rng: Random, number: int) -> str:
    dotted = ".".join([*_path(rng), rng.choice(("weight", "bias", "w"))])
    return rng.choice((dotted, dotted, f"onnx::MatMul_{number}", f"val_w{number}"))


def _metadata(rng: Random, operator: str) -> dict[str, str]:
    path = _path(rng)
    scopes = ["", *(".".join(path[: end + 1]) for end in range(len(path))), operator]
    classes = [rng.choice(("pkg.C", "torch.nn.Linear")) for _ in scopes]
    return rng.choice(
        (
            {"pkg.torch.onnx.name_scopes": repr(scopes)},
            {
                "pkg.torch.onnx.name_scopes": repr(scopes),
                "pkg.torch.onnx.class_hierarchy": repr(classes[rng.randrange(2) :]),
                "namespace": "/".join(f"{scope}: pkg.C" for scope in scopes),
            },
            {"namespace": "/".join(f"{scope}: pkg.C" for scope in scopes)},
            {"namespace": "/".join(path)},
            {"hierarchy_tag": "/".join(["", "Root", *path])},
            {"mine": "1"},
            {},
            {},
            {},
        )
    )
