"""Models of other libraries: `onnx_ir.Model`, `torch.onnx.ONNXProgram`, `onnx_graphsurgeon.Graph`.

Each object is converted to a `ModelProto` for the pipeline, and a rewritten model is converted back to the
same kind of object. This module imports none of these libraries: a caller who has such an object has imported
its library.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from onnx import ModelProto

from rewriter.errors import UsageError
from rewriter.model.storage.files import serialize
from rewriter.pipeline import Source
from rewriter.pipeline.loader import Opened
from rewriter.views.rewrite_report import Report

if TYPE_CHECKING:
    import onnx_graphsurgeon
    import onnx_ir
    import torch

AnySource: TypeAlias = "Source | onnx_ir.Model | torch.onnx.ONNXProgram | onnx_graphsurgeon.Graph"
"""A model as an object of any supported kind; it is never changed."""

Back: TypeAlias = Callable[[Report], object]
"""Function that converts the result of a rewrite to the kind of object that was given."""


@dataclass(frozen=True, repr=False)
class Rewritten(Report):
    """The report of a rewrite, with the rewritten model as the kind of object that was given.

    Attributes:
        back: converts the rewritten model to that kind of object.
    """

    back: Back = field(kw_only=True)

    @cached_property
    def result(self) -> Any:
        """The rewritten model, as the kind of object that was given: a path, bytes, or a library's object.

        For a path, the result is the path of the output, or a `ModelProto` if nothing was written; for an
        opened model, it is a `ModelProto`. A `graphsurgeon.Graph` cannot hold metadata, which is then only in
        `analysis.model`; use `rewriter.adapters.graphsurgeon` for edits that keep it.
        """
        return self.back(self)


@dataclass(frozen=True, slots=True)
class ConvertedModel:
    """A model converted to an input of the pipeline.

    Attributes:
        source: the input for the pipeline.
        back: converts a rewritten model to the kind of object that was given.
        folder: the folder of the external data of a model in memory; None if unknown.
    """

    source: Source
    back: Back
    folder: Path | None = None


def take(source: AnySource) -> ConvertedModel:
    """Convert a model object of any supported library to an input of the pipeline.

    Raises:
        UsageError: `source` is not a supported kind of model, or its weights are in several folders.
    """
    if isinstance(source, str | os.PathLike):
        return ConvertedModel(source, _path_of)
    if isinstance(source, bytes):
        return ConvertedModel(source, lambda report: serialize(report.analysis.model))
    if isinstance(source, ModelProto | Opened):
        return ConvertedModel(source, lambda report: report.analysis.model)
    if _is(source, "onnx_ir", "Model"):
        folder = _folder_of(source)
        return ConvertedModel(
            _proto_of(source), lambda report: _model_of(report.analysis.model, folder), folder
        )
    if _is(source, "torch.onnx", "ONNXProgram"):
        program: Any = source
        folder = _folder_of(program.model)

        def anew(report: Report) -> object:
            return type(program)(_model_of(report.analysis.model, folder), program.exported_program)

        return ConvertedModel(_proto_of(program.model), anew, folder)
    if _is(source, "onnx_graphsurgeon", "Graph"):
        surgeon = sys.modules["onnx_graphsurgeon"]
        return ConvertedModel(surgeon.export_onnx(source), lambda report: surgeon.import_onnx(copied(report)))
    raise UsageError(
        f"a model cannot be read from a {type(source).__name__}; give a path, bytes, a ModelProto, an "
        "onnx_ir.Model, a torch.onnx.ONNXProgram or an onnx_graphsurgeon.Graph"
    )


def read_of(source: AnySource) -> Source:
    """Return the input of the pipeline for a model; see `take`."""
    return take(source).source


def copied(report: Report) -> ModelProto:
    """Return a copy of the rewritten model, for libraries that keep and change the messages they read."""
    copy = ModelProto()
    copy.CopyFrom(report.analysis.model)
    return copy


def _path_of(report: Report) -> object:
    return report.outputs[-1] if report.outputs else report.analysis.model


def _is(source: object, library: str, name: str) -> bool:
    """Whether the object is an instance of `library.name`; False if the library is not imported."""
    module = sys.modules.get(library)
    kind = getattr(module, name, None) if module is not None else None
    return isinstance(kind, type) and isinstance(source, kind)


def _proto_of(model: Any) -> ModelProto:
    proto = sys.modules["onnx_ir"].to_proto(model)
    assert isinstance(proto, ModelProto)
    return proto


def _model_of(proto: ModelProto, folder: Path | None) -> object:
    """Return the `onnx_ir.Model` of a model whose external data is in `folder`."""
    onnx_ir: Any = sys.modules["onnx_ir"]
    model = onnx_ir.from_proto(proto)
    if folder is not None:
        for tensor in _external(model):
            tensor.base_dir = str(folder)
    return model


def _folder_of(model: Any) -> Path | None:
    """Return the folder of the external tensors of an `onnx_ir.Model`; None if no tensor names a folder.

    Raises:
        UsageError: they are in several folders, and a model file can refer to one folder only.
    """
    folders = sorted({os.fspath(tensor.base_dir) for tensor in _external(model)} - {""})
    if len(folders) > 1:
        raise UsageError(
            f"the weights lie in {' and '.join(folders)}; save the model first, and give its path"
        )
    return Path(folders[0]) if folders else None


def _external(model: Any) -> list[Any]:
    """Return the external tensors of an `onnx_ir.Model`."""
    kind = sys.modules["onnx_ir"].ExternalTensor
    graphs = [model.graph, *model.graph.subgraphs()]
    tensors = (value.const_value for graph in graphs for value in graph.initializers.values())
    return [tensor for tensor in tensors if isinstance(tensor, kind)]
