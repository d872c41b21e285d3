"""Shapes to which operands are broadcast."""

from __future__ import annotations

from rewriter.proof.laws.terms.sizes import ONE, Dims, Size

Open = tuple[Size | None, ...]
"""A shape in which some sizes may be unknown."""


def broadcast(shapes: list[Dims | None]) -> Open | None:
    """Return the shape to which shapes are broadcast; None if a rank is unknown."""
    known = [each for each in shapes if each is not None]
    if len(known) < len(shapes) or not known:
        return None
    rank = max(map(len, known))
    padded = [(ONE,) * (rank - len(each)) + each for each in known]
    return tuple(_together(sizes) for sizes in zip(*padded, strict=True))


def _together(sizes: tuple[Size, ...]) -> Size | None:
    """Return the common size of dimensions that are broadcast; None if it is unknown."""
    wide = list(dict.fromkeys(size for size in sizes if size != ONE))
    if len(wide) <= 1:
        return wide[0] if wide else ONE
    numbers = [size for size in wide if size.number is not None]
    return numbers[0] if len(numbers) == 1 else None  # a symbol is then this number, or 1
