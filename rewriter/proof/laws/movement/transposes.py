"""The law of transposes: they compose, and one that keeps the order of the elements is a view.

Statement: permute(permute(x, p), q) = permute(x, p[q]); permute(x, identity) = x; a transpose that keeps
the order of all axes whose size is not known to be 1 is a view; permute(view(x, d), p) = view(permute(x,
p'), d[p]) if each axis of d joins axes of x, or if runs of axes that stay together are one axis.
Side conditions: the rank is known where `perm` is absent; the sizes of 1 are certain.
Argument: y[i_q0, i_q1, ...] = x[i] composes as indices do. An axis of size 1 has the index 0 only, so the
row-major order depends on the order of the other axes alone. Empty tensors have no elements, and the
shapes are equal.
"""

from __future__ import annotations

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.movement.views import view
from rewriter.proof.laws.terms.sizes import ONE, Dims, product
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Node, normal


def permute(terms: Terms, term: int, perm: tuple[int, ...]) -> int:
    """Return a term with its axes in another order: axis `perm[i]` becomes axis i."""
    if (node := terms.node(term, "permute")) is not None:
        inner = node.value("")
        return permute(terms, node.inputs[0], tuple(inner[at] for at in perm))
    if perm == tuple(range(len(perm))):
        return term
    if (moved_blocks := _of_blocks(terms, term, perm)) is not None:
        return moved_blocks
    dims = terms.dims(term)
    if dims is not None:
        moved = [at for at in perm if dims[at] != ONE]
        if moved == sorted(moved):
            return view(terms, term, tuple(dims[at] for at in perm))
    array = terms.array(term)
    if array is not None:
        return terms.constant(array.transpose(perm))
    return terms.keep(normal("permute", perm, term))


def _of_blocks(terms: Terms, term: int, perm: tuple[int, ...]) -> int | None:
    """Return a permuted view as a view of a permuted term, if axes of the view join axes of the term."""
    node = terms.node(term, "view")
    dims = terms.dims(node.inputs[0]) if node is not None else None
    if node is None or dims is None:
        return None
    blocks = _blocks(dims, node.value(""))
    if blocks is None:
        return _of_runs(terms, node, perm)
    inner = permute(terms, node.inputs[0], tuple(axis for at in perm for axis in blocks[at]))
    return view(terms, inner, tuple(node.value("")[at] for at in perm))


def _of_runs(terms: Terms, node: Node, perm: tuple[int, ...]) -> int | None:
    """Return a permuted view as a view of a permuted term in which axes that stay together are one axis."""
    starts = [at for at, axis in enumerate(perm) if at == 0 or axis != perm[at - 1] + 1]
    runs = [perm[start:end] for start, end in zip(starts, [*starts[1:], len(perm)], strict=True)]
    if len(runs) == len(perm):
        return None
    dims, ordered = node.value(""), sorted(runs)
    joined = view(terms, node.inputs[0], tuple(product(dims[axis] for axis in run) for run in ordered))
    inner = permute(terms, joined, tuple(ordered.index(run) for run in runs))
    return view(terms, inner, tuple(dims[at] for at in perm))


def _blocks(fine: Dims, coarse: Dims) -> list[list[int]] | None:
    """Return for each size the axes whose sizes it is the product of, in order; None if there are none."""
    blocks: list[list[int]] = []
    at = 0
    for size in coarse:
        block: list[int] = []
        while at < len(fine) and product(fine[axis] for axis in block) != size:
            block.append(at)
            at += 1
        if product(fine[axis] for axis in block) != size:
            return None
        blocks.append(block)
    if any(fine[axis] != ONE for axis in range(at, len(fine))) or not blocks:
        return None
    blocks[-1] += range(at, len(fine))
    return blocks


def _rewrite(node: Node, terms: Terms) -> int | None:
    dims, perm = terms.dims(node.inputs[0]), node.value("perm")
    if perm is None and dims is not None:
        perm = tuple(reversed(range(len(dims))))
    if (
        perm is None
        or sorted(perm) != list(range(len(perm)))
        or (dims is not None and len(dims) != len(perm))
    ):
        return None
    return permute(terms, node.inputs[0], perm)


TRANSPOSES = Law("transposes", frozenset({"Transpose"}), _rewrite)
