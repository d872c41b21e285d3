"""The roles of tensors in a model."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Kind of a stored tensor."""

    PARAMETER = "parameter"
    """A floating tensor that the model learned, quantised or not."""
    BUFFER = "buffer"
    """State that is not learned: the running statistics of a batch norm, and integers of a state dict."""
    CONSTANT = "constant"
    """Any other tensor: a shape, an index, a scalar, a folded activation."""
