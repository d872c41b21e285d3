"""What users give beside a model: evidence that no file holds. Each kind is one more witness in `settle`."""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.evidence.like import Like


@dataclass(frozen=True, slots=True)
class Given:
    """Evidence given beside a model.

    Attributes:
        like: the model that this one was made of, with its tree.
    """

    like: Like | None = None


NOTHING = Given()
