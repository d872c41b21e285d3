"""Makes single edits of Python source, the mutants of `benchmarks.mutants_of_code`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.FloorDiv,),
    ast.FloorDiv: (ast.Mult,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitAnd: (ast.BitOr,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of one file.

    Attributes:
        path: the file, relative to the root of the repository.
        function: qualified name of the outermost function that contains the edit.
        line: the first line of the edited part, from 1.
        what: the edited part, before and after.
        source: the whole file after the edit.
    """

    path: str
    function: str
    line: int
    what: str
    source: str


def edits_of(root: Path, path: str) -> Iterator[Edit]:
    """Yield all edits of the bodies of all functions of a file."""
    text = (root / path).read_text("utf-8")
    lines = text.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    for function, node in _functions(ast.parse(text)):
        for part in _parts(node):
            for before, after in _variants(part):
                begin = starts[before.lineno - 1] + before.col_offset
                end = starts[(before.end_lineno or 0) - 1] + (before.end_col_offset or 0)
                data = text.encode()
                old = data[begin:end].decode()
                # Parentheses keep the meaning of an expression that spans lines or has another precedence.
                new = after if isinstance(before, ast.stmt) else f"({after})"
                edited = (data[:begin] + new.encode() + data[end:]).decode()
                what = f"{' '.join(old.split())} -> {' '.join(new.split())}"
                yield Edit(path, function, before.lineno, what[:200], edited)


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the outermost functions and methods with their qualified names."""
    waiting: list[tuple[str, ast.stmt]] = [("", node) for node in tree.body]
    while waiting:
        prefix, node = waiting.pop(0)
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            waiting[:0] = [(f"{prefix}{node.name}.", each) for each in node.body]


def _parts(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield the executed parts of a function, without annotations, docstring and defaults."""
    body = function.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop(0)
        yield node
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "args") and not isinstance(node, ast.Call):
                continue
            children = value if isinstance(value, list) else [value]
            waiting.extend(child for child in children if isinstance(child, ast.AST))


Variant = tuple[ast.expr | ast.stmt, str]
"""The node to replace, and the text to put there."""


def _variants(node: ast.AST) -> Iterator[Variant]:
    yield from _of_operators(node)
    yield from _of_values(node)
    yield from _of_statements(node)


def _of_operators(node: ast.AST) -> Iterator[Variant]:
    match node:
        case ast.Compare(ops=[operator]):
            for other in _SWAPS.get(type(operator), ()):
                made: Any = other()
                yield node, ast.unparse(ast.Compare(node.left, [made], node.comparators))
        case ast.BinOp():
            for other in _SWAPS.get(type(node.op), ()):
                made = other()
                yield node, ast.unparse(ast.BinOp(node.left, made, node.right))
        case ast.BoolOp():
            made = _SWAPS[type(node.op)][0]()
            yield node, ast.unparse(ast.BoolOp(made, node.values))
            for number in range(len(node.values)):
                rest = [*node.values[:number], *node.values[number + 1 :]]
                yield node, ast.unparse(rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))
        case ast.UnaryOp(op=ast.Not()):
            yield node, ast.unparse(node.operand)


def _of_values(node: ast.AST) -> Iterator[Variant]:
    match node:
        case ast.IfExp():
            yield node, ast.unparse(node.body)
            yield node, ast.unparse(node.orelse)
        case ast.Constant(value=bool(value)):
            yield node, str(not value)
        case ast.Constant(value=int(value)):
            yield node, str(value + 1)
        case ast.Tuple(ctx=ast.Load()) | ast.List(ctx=ast.Load()) | ast.Set() if len(node.elts) > 1:
            yield node, ast.unparse(type(node)(elts=node.elts[1:]))
        case ast.comprehension():
            for test in node.ifs:
                yield test, "True"
        case ast.Call() if node.keywords and all(each.arg for each in node.keywords):
            yield node, ast.unparse(ast.Call(node.func, node.args, node.keywords[1:]))


def _of_statements(node: ast.AST) -> Iterator[Variant]:
    match node:
        case ast.If() | ast.While():
            yield node.test, f"not ({ast.unparse(node.test)})"
        case ast.Return(value=ast.expr()) if not _is_none(node.value):
            yield node, "return None"
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Delete():
            yield node, "pass"
        case ast.Break():
            yield node, "continue"
        case ast.Continue():
            yield node, "break"


def _is_none(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
