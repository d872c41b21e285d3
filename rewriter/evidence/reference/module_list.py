"""A reference: the modules from which a model was built, with their classes and parameters.

It holds facts that an exported file may lack: containers that are never called, modules without nodes,
classes (TorchScript mostly writes none), and which parameters are trainable. `sources` makes a reference from
a torch module, `api.side_inputs` from the tree of another file; `reference.witness` aligns it with the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

from rewriter.evidence.names.scope_alignment import unqualified
from rewriter.paths import ROOT, ModulePath


@dataclass(frozen=True, slots=True)
class Declared:
    """A parameter or buffer that a module declares, whether a file holds it or not.

    Attributes:
        name: the name inside its module.
        shape: as in the state dict; None for a lazy parameter, which has none before the first call.
        trainable: whether it requires a gradient, which a buffer never does; None if unknown.
        buffer: whether it is known to be a buffer.
        same_as: the full name under which the same tensor was declared before (tied weights); None for
            any other tensor.
    """

    name: str
    shape: tuple[int, ...] | None
    trainable: bool | None
    buffer: bool = False
    same_as: ModulePath | None = None


@dataclass(frozen=True, slots=True)
class ReferenceModule:
    """A module of a reference.

    Attributes:
        path: its path in the reference.
        class_name: its fully qualified class as `torch.typename` writes it; None if unknown.
        declared: its own parameters, then its own buffers.
        first_path: the first path under which the same module is registered; None if unknown.
        is_list: whether it is known never to be called itself, such as a ModuleList.
    """

    path: ModulePath
    class_name: str | None
    declared: tuple[Declared, ...] = ()
    first_path: ModulePath | None = None
    is_list: bool = False


@dataclass(frozen=True)
class Reference:
    """The modules from which a model was built.

    Attributes:
        name: its name in messages.
        modules: path -> module, parents before children.
    """

    name: str
    modules: Mapping[ModulePath, ReferenceModule] = field(repr=False)

    def count(self, part: ModulePath = ROOT, *, trainable: bool | None) -> int:
        """Return the number of elements of the parameters below `part` with this value of `trainable`.

        Parameters that are known to be tied count once; known buffers and lazy parameters never.
        """
        sizes = {
            each.same_as or name: prod(each.shape)
            for name, each in self.declared()
            if part.holds(name) and not each.buffer and each.trainable is trainable and each.shape is not None
        }
        return sum(sizes.values())

    def declared(self) -> Iterator[tuple[ModulePath, Declared]]:
        """Yield full names with their parameters and buffers, in the order of the modules."""
        for module in self.modules.values():
            for each in module.declared:
                yield module.path.child(each.name), each

    @cached_property
    def shapes(self) -> dict[ModulePath, tuple[int, ...]]:
        """Full name of a parameter or buffer -> its shape; lazy ones are left out."""
        return {name: each.shape for name, each in self.declared() if each.shape is not None}

    @cached_property
    def lazy(self) -> frozenset[ModulePath]:
        """The full names of lazy parameters and buffers, whose shape is not known."""
        return frozenset(name for name, each in self.declared() if each.shape is None)


def full_scope(class_name: str, path: ModulePath) -> str:
    """Return the name in torch's trace-module map: `pkg.BertEmbeddings::embeddings`, `pkg.BertModel::`.

    See `_setup_trace_module_map` in torch/onnx/_internal/torchscript_exporter/utils.py.
    """
    return f"{class_name}::{unqualified(path)}"
