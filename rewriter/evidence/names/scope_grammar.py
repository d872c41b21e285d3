"""Reads the module that an exporter wrote into a name.

====================================  ===========================================================
`/encoder/layer.0/self/MatMul_1`      TorchScript: call chain of unqualified names, operator, counter
`/encoder/layer.0/MatMul_1_output_0`  the same on the value that the node writes
`Class::__module.encoder.layer.0/Op`  torch.jit scopes: class and absolute path
`__module.encoder.layer.0/aten::add`  the same without the class (OpenVINO)
`A::/B::encoder/C::layer.0/Op`        torch's full scope names: classes and unqualified names
`model/dense/MatMul`                  TensorFlow, Keras and others: a path of names, operator
`model/dense/Tensordot/Reshape`       the same; the scope of an operator with several nodes is no module
`net_0.35_32/conv/Conv2D`             the same; `.` in digits before `_` is part of a name (`net_0_35_32`)
`a/act/Relu;a/fc/BiasAdd;a/fc/MatMul` TFLite: the operators that it fused; the product gives the module
`net_while_cond_frozen_12_net/rnn/Lt` tf2onnx: a node of the condition of a loop, with its old name at the end
====================================  ===========================================================
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from rewriter.evidence.names.derived_names import (
    is_named_folded,
    node_named_by,
    parameter_named_by,
    value_named_by,
)
from rewriter.evidence.names.tensorflow_names import (
    dotted_scope,
    is_operation,
    is_tensor,
    products_of,
    without_dots,
    without_loop,
)
from rewriter.paths import ModulePath, common_ancestor

_OUTPUT = re.compile(r"_output_\d+$")
_COUNTER = re.compile(r"_(\d{1,9})$")  # no counter is longer, and Python refuses to read 5 000 digits
_MODULE = "__module"

DEEPEST = 200
"""Maximum nesting of modules. No exporter exceeds it; deeper names would take quadratic time."""


class NameScope(NamedTuple):
    """The module part of a name.

    Attributes:
        text: the call chain of a TorchScript name, else the dotted path; '' for the root.
        chain: whether `text` is a call chain that has to be aligned with module paths.
        class_name: the class that the name gives to the innermost module.
    """

    text: str
    chain: bool
    class_name: str | None = None


def scope_of_node_name(name: str) -> NameScope | None:
    """Return the scope in the name of a node; None without a scope, or if it is too deep."""
    if not isinstance(name, str):  # protobuf returns bytes for names that are not UTF-8
        return None
    name = node_named_by(name)
    if not name.startswith("/"):
        name = without_loop(name)
        if ";" in name:
            return _scope_of_joined(name.split(";"))
    if _MODULE in name and not name.startswith("/"):
        return _jit_scope(name)
    scope, slash, _operator = name.rpartition("/")
    return _read_scope(scope) if slash else None


@lru_cache(maxsize=1 << 16)  # the nodes of a module have the same scope
def _read_scope(scope: str) -> NameScope | None:
    """Read the text before the last slash of a name; '' is the scope of `/MatMul`, a node of the root."""
    if scope.count("/") + scope.count(".") >= DEEPEST:
        return None
    if not scope or scope.startswith("/"):
        return NameScope(scope[1:], chain=True)
    components = [component.rpartition("::") for component in scope.split("/")]
    if all(separator for _, separator, _ in components):
        variables = [variable for _, _, variable in components if variable]
        return NameScope("/".join(variables), chain=True, class_name=components[-1][0])
    return NameScope(dotted_scope(scope), chain=False)


def _scope_of_joined(names: list[str]) -> NameScope | None:
    """Return the scope of operators that TFLite fused: that of the products, else the common one of all."""
    scopes = map(scope_of_node_name, products_of(names) or names)
    paths = {ModulePath(scope.text) for scope in scopes if scope and not scope.chain}
    common = common_ancestor(sorted(paths))
    return None if common is None else NameScope(common, chain=False)


def scope_of_value_name(name: str) -> NameScope | None:
    """Return the scope in the name of a value of TorchScript's form `<node name>_output_<n>`, else None.

    The name may have an ending that a tool added.
    """
    if not isinstance(name, str) or not name.startswith("/"):
        return None
    before, _, number = name.rpartition("_output_")
    if number.isdecimal() and "_output_" not in before:
        return scope_of_node_name(before)  # the usual case; the code below takes ten times as long
    name = value_named_by(name)
    if not names_value(name):
        return None
    return scope_of_node_name(_OUTPUT.sub("", name))


def names_value(name: str) -> bool:
    """Whether a name ends in `_output_<n>`, as TorchScript names values."""
    return isinstance(name, str) and "_output_" in name and bool(_OUTPUT.search(name))


def without_counter(scope: str) -> tuple[str, int] | None:
    """Split off the counter of a scope: `block.0_1` -> (`block.0`, 1); None without a counter."""
    counter = _COUNTER.search(scope)
    return (scope[: counter.start()], int(counter[1])) if counter and counter.start() else None


def owner_of_parameter(name: str) -> ModulePath | None:
    """Return the owner in the name of a parameter: `layer.0.query.weight` -> `layer.0.query`.

    None for a name that is too deep or no dotted path: exporters name computed weights `onnx::MatMul_353` or
    `/m/Constant_3_output_0`.
    """
    if not isinstance(name, str) or name.startswith(("/", "onnx::")) or name.count(".") > DEEPEST:
        return None
    if is_named_folded(name) and (name := parameter_named_by(name)).startswith("/"):
        return None
    owner, dot, local = name.rpartition(".")
    if not dot or not owner or not local or ".." in name or ("/" in local and is_tensor(name)):
        return None
    return None if is_operation(name) else ModulePath(owner)


def scope_of_call(path: ModulePath, call: int) -> str:
    """Return the scope of one call of a module.

    As in TorchScript, calls after the first have a counter; the root has none.
    """
    scope = scoped_prefix(path)
    return f"{scope}_{call}" if call and scope else scope


def scoped_prefix(path: ModulePath) -> str:
    """Return a path in the form of TorchScript's scopes: `encoder.layer.0` -> `/encoder/layer.0`.

    A number stays in one component with the name before it, so reading the scope mostly gives the path again.
    Exceptions are paths such as `a.a.0`, which the overlap rule of `call_chains` reads as `a.0`, and names
    with the form of a counter, such as `conv_1` beside `conv`.
    """
    parts: list[str] = []
    for atom in path.atoms:
        if atom.isdecimal() and parts:
            parts[-1] += f".{atom}"
        else:
            parts.append(atom)
    return "".join(f"/{part}" for part in parts)


def _jit_scope(name: str) -> NameScope | None:
    """Return the innermost absolute path: `A::__module.a/B::__module.a.b/aten::add` -> `a.b` of class B."""
    found: NameScope | None = None
    if "/" not in name or name.count("/") + name.count(".") > DEEPEST:
        return None
    for component in name.split("/"):
        class_name, separator, variable = component.rpartition("::")
        if variable == _MODULE or variable.startswith(_MODULE + "."):
            found = NameScope(variable[len(_MODULE) + 1 :], False, class_name if separator else None)
    return found


def owner_of_variable(name: str) -> ModulePath | None:
    """Return the owner in TensorFlow's name of a variable: `net/fc/Cast/ReadVariableOp:0` -> `net.fc`."""
    if not isinstance(name, str) or name.startswith("/") or "/" not in name or "::" in name:
        return None
    if is_named_folded(name):
        return None
    scope = scope_of_node_name(without_dots(name) if is_tensor(name) else name)
    return ModulePath(scope.text) if scope and scope.text and not scope.chain else None
