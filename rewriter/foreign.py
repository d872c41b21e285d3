"""Models as other libraries hold them: `onnx_ir.Model`, `torch.onnx.ONNXProgram`, `onnx_graphsurgeon.Graph`.

Each becomes a `ModelProto`, which is what everything here works on, and a rewritten one becomes the same
kind of object again. None of these libraries is imported for it: whoever holds such an object has imported
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

from rewriter.model.files import serialize
from rewriter.pipeline import Source
from rewriter.pipeline.loading import Opened
from rewriter.refusals import UsageError
from rewriter.views.report import Report

if TYPE_CHECKING:
    import onnx_graphsurgeon
    import onnx_ir
    import torch

AnySource: TypeAlias = "Source | onnx_ir.Model | torch.onnx.ONNXProgram | onnx_graphsurgeon.Graph"
"""A model as anybody holds it. None of them is ever changed."""

Back: TypeAlias = Callable[[Report], object]
"""Makes of the outcome of a rewrite the kind of object that was given."""


@dataclass(frozen=True, repr=False)
class Rewritten(Report):
    """The report of a rewrite that also gives the model back as the kind of object that came in.

    Attributes:
        back: makes that object.
    """

    back: Back = field(kw_only=True)

    @cached_property
    def result(self) -> Any:
        """The rewritten model, as what was given: a path, bytes, or the object of a library.

        For a path it is the path of the output, or a `ModelProto` where nothing was written. A
        `graphsurgeon.Graph` has no room for metadata: its names tell what they told before, the rest is in
        `analysis.model` alone. See `rewriter.adapters.graphsurgeon` for edits that lose nothing.
        """
        return self.back(self)


@dataclass(frozen=True, slots=True)
class Taken:
    """A model that was taken in.

    Attributes:
        source: what the pipeline reads.
        back: makes the kind of object that was given.
        folder: where external data of a model in memory lies; None for nowhere that is known.
    """

    source: Source
    back: Back
    folder: Path | None = None


def take(source: AnySource) -> Taken:
    """What the pipeline can read of a model, whoever made the object.

    Raises:
        UsageError: it is no model of any kind that is known.
    """
    if isinstance(source, str | os.PathLike):
        return Taken(source, _path_of)
    if isinstance(source, bytes):
        return Taken(source, lambda report: serialize(report.analysis.model))
    if isinstance(source, ModelProto | Opened):
        return Taken(source, lambda report: report.analysis.model)
    if _is(source, "onnx_ir", "Model"):
        folder = _folder_of(source)
        return Taken(_proto_of(source), lambda report: _model_of(report.analysis.model, folder), folder)
    if _is(source, "torch.onnx", "ONNXProgram"):
        program: Any = source
        folder = _folder_of(program.model)

        def anew(report: Report) -> object:
            return type(program)(_model_of(report.analysis.model, folder), program.exported_program)

        return Taken(_proto_of(program.model), anew, folder)
    if _is(source, "onnx_graphsurgeon", "Graph"):
        surgeon = sys.modules["onnx_graphsurgeon"]
        return Taken(surgeon.export_onnx(source), lambda report: surgeon.import_onnx(copied(report)))
    raise UsageError(
        f"a model cannot be read from a {type(source).__name__}; give a path, bytes, a ModelProto, an "
        "onnx_ir.Model, a torch.onnx.ONNXProgram or an onnx_graphsurgeon.Graph"
    )


def read_of(source: AnySource) -> Source:
    """What the pipeline reads of a model; see `take`."""
    return take(source).source


def copied(report: Report) -> ModelProto:
    """The rewritten model, for libraries that keep parts of what they read and change them."""
    copy = ModelProto()
    copy.CopyFrom(report.analysis.model)
    return copy


def _path_of(report: Report) -> object:
    return report.outputs[-1] if report.outputs else report.analysis.model


def _is(source: object, library: str, name: str) -> bool:
    """Whether the object is of a class of a library; False where nobody has imported that."""
    module = sys.modules.get(library)
    kind = getattr(module, name, None) if module is not None else None
    return isinstance(kind, type) and isinstance(source, kind)


def _proto_of(model: Any) -> ModelProto:
    proto = sys.modules["onnx_ir"].to_proto(model)
    assert isinstance(proto, ModelProto)
    return proto


def _model_of(proto: ModelProto, folder: Path | None) -> object:
    """The `onnx_ir.Model` of a model whose external data lies in a folder."""
    onnx_ir: Any = sys.modules["onnx_ir"]
    model = onnx_ir.from_proto(proto)
    if folder is not None:
        for tensor in _external(model):
            tensor.base_dir = str(folder)
    return model


def _folder_of(model: Any) -> Path | None:
    """The folder that the external tensors of an `onnx_ir.Model` lie in.

    Raises:
        UsageError: they lie in several, so a file can name but some of them.
    """
    folders = sorted({os.fspath(tensor.base_dir) for tensor in _external(model)} - {""})
    if len(folders) > 1:
        raise UsageError(
            f"the weights lie in {' and '.join(folders)}; save the model first, and give its path"
        )
    return Path(folders[0]) if folders else None


def _external(model: Any) -> list[Any]:
    """The tensors of an `onnx_ir.Model` whose data lies in files."""
    kind = sys.modules["onnx_ir"].ExternalTensor
    graphs = [model.graph, *model.graph.subgraphs()]
    tensors = (value.const_value for graph in graphs for value in graph.initializers.values())
    return [tensor for tensor in tensors if isinstance(tensor, kind)]
