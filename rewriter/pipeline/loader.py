"""Reads a model and finds its tree: the first step of every verb."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from onnx import ModelProto

from rewriter.basics import garbage
from rewriter.errors import NotProved, UnreadableModel, UsageError
from rewriter.evidence.side_inputs import NOTHING, Given
from rewriter.model.index.checked_index import indexed, is_sorted
from rewriter.model.index.graph import GraphIndex
from rewriter.model.storage import files
from rewriter.modules.analysis import Analysis
from rewriter.modules.build import analyse
from rewriter.passes.functions.provenance import demand_no_kernels, is_ours

if TYPE_CHECKING:
    from rewriter.evidence.original.witness import Like


@dataclass(frozen=True, slots=True)
class Opened:
    """Model that was read once, with its analysis, so that several verbs can share it.

    Attributes:
        model: the model as it was written, with its functions.
        analysis: the result of `load`.
        given: evidence from the user.
    """

    model: ModelProto
    analysis: Analysis
    given: Given = NOTHING

    def demand_nothing(self, given: Given) -> None:
        """Refuse further evidence on a model that is already analysed.

        Raises:
            UsageError: there is further evidence.
        """
        if given != NOTHING:
            raise UsageError(
                "the model is open: give its evidence (like, reference, checkpoint, trace) to rewriter.open"
            )


Source = str | os.PathLike[str] | bytes | ModelProto | Opened
"""A model: the path of a file, its bytes, the parsed message, or an opened model; never changed."""

Inputs = Mapping[str, np.ndarray]
Progress = Callable[[str], None]


def load(source: Source, given: Given = NOTHING) -> Analysis:
    """Read a model and find its module tree. Functions that `group` made are inlined first.

    Args:
        source: the model.
        given: evidence from the user.

    Raises:
        UnreadableModel: the source is not a whole ONNX model.
        UsageError: given evidence does not fit the model.
        DoesNotFit: the model was not made from the given original.
    """
    return read_and_load(source, given)[1]


def load_sorted(source: Source, given: Given = NOTHING) -> Analysis:
    """Return the result of `load` for a copy with sorted nodes; of the model itself if its nodes are sorted.

    Raises:
        UnreadableModel: the source is not a whole ONNX model, or sorting its nodes may change a meaning.
        UsageError: given evidence does not fit the model.
        DoesNotFit: the model was not made from the given original.
    """
    if isinstance(source, Opened):
        source.demand_nothing(given)
        if is_sorted(source.analysis.graph):
            return source.analysis
        given = source.given
    graph, path = read_indexed(source, provable=False)
    with naming(path):
        return look_through(graph if is_sorted(graph) else _sorted(graph.model, path), path, given)


def load_flat(source: Source, given: Given = NOTHING) -> Analysis:
    """Return the result of `load_sorted`, with a proof that inlining functions of `group` changed nothing.

    Raises:
        UnreadableModel: the source is not a whole ONNX model, or sorting its nodes may change a meaning.
        UsageError: given evidence does not fit the model, or a runtime may have a kernel for a function.
        DoesNotFit: the model was not made from the given original.
        NotProved: the flat model is not proved equal.
    """
    analysis = load_sorted(source, given)
    if analysis.grouped:
        from rewriter.proof.certificate import certify

        model, path = read_model(source, provable=False)
        demand_no_kernels(model, name_of(path))
        folder = path.parent if path else None
        certificate = certify(model, analysis.model, before_folder=folder, after_folder=folder)
        if not certificate.equal:
            raise NotProved(f"{name_of(path)}: its functions cannot be inlined: {certificate.difference}")
    return analysis


def _sorted(model: ModelProto, path: Path | None) -> GraphIndex:
    """Return the index of a sorted copy of a model.

    Raises:
        UnreadableModel: sorting its nodes may change a meaning.
    """
    from rewriter.passes.sort import sort
    from rewriter.proof.certificate import certify

    copy = ModelProto()
    copy.CopyFrom(model)
    sort(copy)
    folder = path.parent if path else None
    certificate = certify(model, copy, before_folder=folder, after_folder=folder)
    if not certificate.equal:
        raise UnreadableModel(f"{certificate.difference}; rename the values")
    return GraphIndex(copy)


def read_and_load(source: Source, given: Given = NOTHING) -> tuple[ModelProto, Analysis]:
    """Return the model as it was written, with its functions, and the result of `load`.

    Raises:
        UnreadableModel: the source is not a whole ONNX model.
        UsageError: given evidence does not fit the model.
        DoesNotFit: the model was not made from the given original.
    """
    if isinstance(source, Opened):
        source.demand_nothing(given)
        return source.model, source.analysis
    graph, path = read_indexed(source, provable=False)
    return graph.model, look_through(graph, path, given)


def read_like(source: Source) -> Like:
    """Return the tree of an original, read from that model or from its sidecar (`*.json`).

    Raises:
        UnreadableModel: the source is neither of these.
    """
    from rewriter.views.sidecar import document as sidecar
    from rewriter.views.sidecar.original import like_analysis, like_sidecar

    if isinstance(source, str | os.PathLike) and Path(source).suffix == ".json":
        return like_sidecar(sidecar.read(Path(source)))
    return like_analysis(load(source))


@garbage.paused()
def look_through(graph: GraphIndex, path: Path | None, given: Given) -> Analysis:
    """Return the analysis of a model, or of its flat form if `group` made functions in it.

    Raises:
        UnreadableModel: the paths of its modules are too long in total, or its functions contain too many
            nodes or call each other too deep.
        UsageError: given evidence does not fit the model.
        DoesNotFit: the model was not made from the given original.
    """
    with naming(path):
        if not any(is_ours(function) for function in graph.model.functions):
            return analyse(graph, path, given)
        from rewriter.passes.flatten import flatten

        flat = ModelProto()
        flat.CopyFrom(graph.model)
        flatten(flat)
        return replace(analyse(GraphIndex(flat), path, given), grouped=True)


def read_model(source: Source, *, provable: bool = True) -> tuple[ModelProto, Path | None]:
    """Return the model that `read_indexed` reads, without the index."""
    graph, path = read_indexed(source, provable=provable)
    return graph.model, path


def read_indexed(source: Source, *, provable: bool = True) -> tuple[GraphIndex, Path | None]:
    """Return the model with its index, and its file; None for a model in memory.

    Args:
        source: the model.
        provable: whether the model is read for a proof; see `checks.check`.

    Raises:
        UnreadableModel: the source is not a whole ONNX model.
    """
    if isinstance(source, ModelProto | Opened):
        with naming(path := path_of(source)):
            return indexed(message_of(source), provable=provable), path
    if isinstance(source, bytes):
        return files.parse_indexed(source, "<bytes>", provable=provable), None
    path = Path(source)
    return files.load_indexed(path, provable=provable), path


@contextmanager
def naming(path: Path | None) -> Iterator[None]:
    """Add the name of the file to faults of a model that are found in the block.

    Raises:
        UnreadableModel: the block raised it; the text now begins with the name of the file.
    """
    try:
        yield
    except UnreadableModel as error:
        if str(error).startswith(f"{name_of(path)}: "):
            raise
        raise UnreadableModel(f"{name_of(path)}: {error}") from None


def path_of(source: Source) -> Path | None:
    """Return the file of a model; None for a model in memory."""
    if isinstance(source, Opened):
        return source.analysis.path
    return Path(source) if isinstance(source, str | os.PathLike) else None


def message_of(source: ModelProto | Opened) -> ModelProto:
    """Return the message of a model in memory."""
    return source.model if isinstance(source, Opened) else source


def name_of(path: Path | None) -> str:
    """Return the name of a model in messages."""
    return str(path) if path else "model"
