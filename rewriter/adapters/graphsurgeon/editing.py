"""`with edit(...) as graph:` opens a model as graphsurgeon's graph, and writes the edited model on exit."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import onnx_graphsurgeon as gs
from onnx import ModelProto

from rewriter.adapters.graphsurgeon.merge import Merged, merge
from rewriter.adapters.graphsurgeon.placing import NewNode, place
from rewriter.adapters.graphsurgeon.snapshot import Snapshot
from rewriter.basics.literals import SidecarWord
from rewriter.errors import RewriterError, UnreadableModel, UsageError
from rewriter.model.index.checks import check
from rewriter.model.storage import atomic_outputs, external_data, output_targets
from rewriter.model.storage.data_copies import Copies, Watched
from rewriter.model.storage.sidecar_path import sidecar_path
from rewriter.model.storage.staging import Content
from rewriter.model.storage.stale_copies import content_of
from rewriter.pipeline import Source, load
from rewriter.pipeline.loader import read_model
from rewriter.proof.certificate import Certificate, certify
from rewriter.views.sidecar import document as sidecars


@dataclass(frozen=True, slots=True)
class Edited:
    """Result of an edit.

    Attributes:
        model: the edited model.
        kept: number of original nodes in the edited model, with their metadata.
        new: the added nodes, with their modules.
        dropped: names of the removed nodes; for a node without a name, its first output, else its operator.
        certificate: whether the edited model provably computes the same. A difference is not an error: an
            edit may change the computation.
        outputs: the written files, the model last.
    """

    model: ModelProto
    kept: int
    new: tuple[NewNode, ...]
    dropped: tuple[str, ...]
    certificate: Certificate
    outputs: tuple[Path, ...] = ()


class Edit:
    """An edit in progress; see `edit`."""

    def __init__(
        self,
        source: Source,
        output: Path | None,
        *,
        sidecar: SidecarWord = "compact",
        copy_data: bool = False,
    ) -> None:
        if output is None and isinstance(source, str | os.PathLike):
            raise UsageError(
                f"{source}: name the file to write, as in edit(source, output); inputs are never changed. "
                "To only return the model, pass a ModelProto and read .edited.model"
            )
        self._output, self._sidecar = output, sidecar
        unread = Watched([Path(source)] if isinstance(source, str | os.PathLike) else [])
        model, path = read_model(source, provable=False)
        home = path or output
        data = external_data.check_external_data(model, home) if home else ()
        targets = [] if output is None else [output, *([] if sidecar == "none" else [sidecar_path(output)])]
        self._copies = (
            output_targets.plan_copies(path, targets, data, copy_data=copy_data) if targets else Copies()
        )
        unread.check()
        self._snapshot = _entered(model, path, home.parent if home else None)
        self._edited: Edited | None = None

    @property
    def edited(self) -> Edited:
        """The result of the edit, after the `with` block.

        Raises:
            UsageError: the block has not ended, or an error ended it.
        """
        if self._edited is None:
            raise UsageError("the edit is not done; read .edited after the with block")
        return self._edited

    def __enter__(self) -> gs.Graph:
        return self._snapshot.graph

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._edited = self._finish()

    def _finish(self) -> Edited:
        original, folder = self._snapshot.model, self._snapshot.folder
        merged = merge(self._snapshot)
        _demand_sound(merged)
        new = place(merged, original)
        certificate = certify(original, merged.model, before_folder=folder, after_folder=folder)
        written = self._write(merged.model) if self._output is not None else ()
        return Edited(merged.model, merged.kept, new, tuple(merged.dropped), certificate, written)

    def _write(self, model: ModelProto) -> tuple[Path, ...]:
        assert self._output is not None
        contents: dict[Path, Content] = {self._output: content_of(model, self._output, self._copies)}
        seal = None
        if self._sidecar != "none":
            seal = sidecar_path(self._output)
            contents[seal] = sidecars.write(replace(load(model), path=self._output), self._sidecar).encode()
        atomic_outputs.write_atomically(contents, self._copies, seal=seal)
        return (*self._copies.files, *([seal] if seal else ()), self._output)


def edit(
    source: Source,
    output: str | os.PathLike[str] | None = None,
    *,
    sidecar: SidecarWord = "compact",
    copy_data: bool = False,
) -> Edit:
    """Edit a model with onnx-graphsurgeon, and keep every other field of the model.

    The end of the `with` block restores the fields that graphsurgeon drops: metadata and doc strings of the
    model, its graphs, nodes, functions, tensors and values; attributes and types that graphsurgeon does not
    know; default inputs, sparse initializers, quantization annotations, training information, overloads.
    Unchanged parts stay byte for byte, and external weights stay external. New nodes are placed in modules.
    After an error in the block, nothing is written. The output is written completely or not at all.

        with rewriter.adapters.graphsurgeon.edit("model.onnx", "edited.onnx") as graph:
            graph.fold_constants().cleanup().toposort()

    Args:
        source: the path of a file, its bytes, or a ModelProto; never changed.
        output: the file to write. It may be None if the source is not a path: after `editing = edit(model)`
            and the block, the model is `editing.edited.model`.
        sidecar: form of the sidecar `<output>.modules.json`, or `none`; see `rewriter.rewrite`.
        copy_data: whether to copy external data if the output is in another folder.

    Raises:
        UnreadableModel: the source, or external data it refers to, cannot be read, or graphsurgeon fails on
            the source.
        UsageError: no output is given for a path, the output would replace an input, or the edited graph
            cannot be written as ONNX.
        CannotWrite: the output cannot be written.
    """
    return Edit(source, None if output is None else Path(output), sidecar=sidecar, copy_data=copy_data)


def _entered(model: ModelProto, path: Path | None, folder: Path | None) -> Snapshot:
    """Return the snapshot of a model.

    Raises:
        UnreadableModel: graphsurgeon fails on the model, for example on attributes whose text is not UTF-8.
    """
    try:
        return Snapshot(model, folder)
    except RewriterError:
        raise
    except Exception as error:  # graphsurgeon may raise anything
        what = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise UnreadableModel(f"{path or 'model'}: graphsurgeon cannot read it: {what}") from error


def _demand_sound(merged: Merged) -> None:
    """Refuse an invalid graph before anything is written.

    Raises:
        UsageError: the graph is invalid; the message names the fault.
    """
    try:
        check(merged.model, ordered=True)
    except UnreadableModel as error:
        raise UsageError(f"the edited graph: {error}; call graph.cleanup().toposort() at the end") from None
