"""Modules of a model, with their parameters and tensors, frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from rewriter.basics.display import Display, counted, listed
from rewriter.evidence.claims import Holds, InitializerSlice
from rewriter.evidence.reference.module_list import Declared
from rewriter.evidence.roles import Role
from rewriter.paths import ModulePath

if TYPE_CHECKING:
    from rewriter.modules.module_contents import ModuleContents


class Kind(StrEnum):
    """Origin of a module's class, by its package."""

    TORCH_NN = "torch.nn"
    HUGGINGFACE = "huggingface"
    TORCH = "torch"
    CUSTOM = "custom"

    @staticmethod
    def of(class_name: str | None) -> Kind | None:
        """Return the kind of a fully qualified class name; None for an unknown class."""
        if not class_name:
            return None
        for prefix, kind in _KIND_OF_PACKAGE:
            if class_name.startswith(prefix):
                return kind
        return Kind.CUSTOM


_KIND_OF_PACKAGE = (
    ("torch.nn.", Kind.TORCH_NN),
    ("torch.", Kind.TORCH),
    ("transformers.", Kind.HUGGINGFACE),
)


def plain_name(class_name: str) -> str:
    """Return a class without its package, and a private class of a library without its underscore.

    Libraries make the classes behind several public ones private: `torch.nn.modules.batchnorm._BatchNorm` is
    a `BatchNorm`. A leading underscore of a user's class is part of its name.
    """
    name = class_name.rpartition(".")[2]
    return name if Kind.of(class_name) is Kind.CUSTOM else name.lstrip("_") or name


def spellings_of(class_name: str) -> tuple[str, ...]:
    """Return the names of a class that a user may write: qualified, without its package, as it is shown."""
    return tuple(dict.fromkeys((class_name, class_name.rpartition(".")[2], plain_name(class_name))))


class Parameter(NamedTuple):
    """Parameter or buffer of a module, and the initializer that holds it.

    Attributes:
        name: the name inside its module (`weight`).
        initializer: the name of the initializer in the source file, or of the input of the graph if the file
            was exported without weights.
        shape: the shape of the initializer, or of its `part`; if `transposed`, the shape in the state dict is
            the reverse.
        dtype: element type, by numpy's name if it has one (`float32`, `int64`, `bfloat16`).
        transposed: whether the exporter stored the 2-d weight transposed.
        shared_with: paths of other modules that read the same initializer (tied weights), without those above
            and below its module.
        part: the part of the initializer that holds the parameter, if the initializer holds several.
        holds: relation of the initializer to the parameter; its name alone shows no content.
        formula: the computation that gave a folded parameter: `conv1.weight * bn1`; '' for any other.
        unpacked: number of elements before packing, if the initializer has another number.
        differs: a further difference from the parameter, such as another order of gates; '' for none.
    """

    name: str
    initializer: str
    shape: tuple[int, ...]
    dtype: str
    transposed: bool = False
    shared_with: tuple[ModulePath, ...] = ()
    part: InitializerSlice | None = None
    holds: Holds = Holds.UNKNOWN
    formula: str = ""
    unpacked: int | None = None
    differs: str = ""

    @property
    def count(self) -> int:  # type: ignore[override]
        """Number of elements; of a packed parameter, those of the tensor that it stands for."""
        return prod(self.shape) if self.unpacked is None else self.unpacked


class OwnedBy(StrEnum):
    """Reason why a module holds a tensor."""

    CLAIM = "claim"
    """A witness says which parameter the tensor, or a part of it, holds."""
    VARIABLE = "variable"
    """Its name is that of a TensorFlow or Keras variable, and contains the layer."""
    READERS = "readers"
    """The module is the lowest one that holds all nodes that read the tensor."""
    UNPLACED_READER = "unplaced_reader"
    """A node that is not placed reads the tensor, so the root holds it."""
    WEIGHT = "weight"
    """It is the scale, zero point or group index of a weight of the module."""
    WRITER = "writer"
    """No node reads the tensor, and a node of the module writes it."""
    NOBODY = "nobody"
    """No node reads the tensor, and no placed node writes it, so the root holds it."""


class Tensor(NamedTuple):
    """Tensor that the file stores, as a module holds it.

    Attributes:
        value: number of its value in the index of the model; the same for all modules that share the tensor.
        name: the name of the initializer, or of the value that a `Constant` node writes.
        role: use of the tensor: parameter, buffer or constant.
        shape: the shape in the file of the tensor or of its `part`.
        dtype: element type, by numpy's name if it has one.
        count: number of elements: of a packed weight, those of the unpacked tensor; 0 for a scale, zero point
            or group index, which is part of its weight.
        size: number of bytes in storage of the tensor or of its `part`; 0 for strings, unknown types, and
            inputs of the graph that are weights.
        part: the part of the initializer that the module holds; None for the whole, or for the rest beside
            claimed parts. The rest has its own `count` and `size`, and the `shape` of the whole.
        owned_by: the reason why the module holds it.
    """

    value: int
    name: str
    role: Role
    shape: tuple[int, ...]
    dtype: str
    count: int  # type: ignore[assignment]
    size: int
    part: InitializerSlice | None = None
    owned_by: OwnedBy = OwnedBy.READERS


@dataclass(frozen=True, slots=True, repr=False)
class Module(Display):
    """One module of the tree.

    Attributes:
        path: its dotted path.
        class_name: fully qualified class, None if no witness knows it. Never guessed.
        parameters: its own parameters, those of the best witness first.
        children: paths of the modules directly below, in the order of an earlier run of this tool, else of
            their calls as far as it is known.
        nodes: numbers (in the GraphIndex) of the nodes placed in this module itself, ascending.
        total_nodes: number of nodes in this module and all modules below.
        calls: number of its calls, as far as the evidence distinguishes calls; 1 for the root, 0 for a list
            of modules. If neither the module nor any module below has nodes, the number that evidence states,
            else 0.
        full_scope: its name in torch's trace-module map (`pkg.BertEmbeddings::embeddings`); None if
            no reference has it.
        declared: the parameters and buffers that the reference declares for it, in the file or not.
        inferred_class: the class that its operators suggest, for a leaf of unknown class; a guess.
        tensors: every tensor of the file that it holds itself, named or not.
        folded_into: for a batch norm: the modules into whose nodes an exporter or tool folded it, in file
            order; mostly one.
        contents: figures and names of all modules of its tree; None for a module outside any tree.
    """

    path: ModulePath
    class_name: str | None
    parameters: tuple[Parameter, ...]
    children: tuple[ModulePath, ...]
    nodes: tuple[int, ...]
    total_nodes: int
    calls: int
    full_scope: str | None = None
    declared: tuple[Declared, ...] = ()
    inferred_class: str | None = None
    tensors: tuple[Tensor, ...] = ()
    folded_into: tuple[ModulePath, ...] = ()
    contents: ModuleContents | None = field(default=None, compare=False)

    @property
    def kind(self) -> Kind | None:
        """The origin of the class; None if the class is unknown."""
        return Kind.of(self.class_name)

    @property
    def depth(self) -> int:
        """Number of ancestors; 0 for the root."""
        return self.path.depth

    @property
    def parent(self) -> ModulePath | None:
        """The path of the module above; None for the root."""
        return self.path.parent

    @property
    def leaf(self) -> bool:
        """Whether it has no children."""
        return not self.children

    @property
    def short_class(self) -> str | None:
        """The class without its package; None if unknown."""
        return self.class_name.rpartition(".")[2] if self.class_name else None

    @property
    def plain_class(self) -> str | None:
        """The class as text shows it, see `plain_name`; None if unknown."""
        return plain_name(self.class_name) if self.class_name else None

    @property
    def params(self) -> int:
        """Number of parameter elements of it and of all modules below; a shared parameter counts once.

        Raises:
            UsageError: the tree was read from a sidecar.
        """
        return self._known.params[self.path]

    @property
    def bytes(self) -> int:
        """Number of stored bytes of the same parameters, without strings and types of unknown size.

        Raises:
            UsageError: the tree was read from a sidecar.
        """
        return self._known.bytes[self.path]

    @property
    def flops(self) -> int | None:
        """Operations of its nodes and of all nodes below; None if those of some node are not known.

        `Model.stats` takes sizes for symbolic dimensions, and reports why the operations of a node are not
        known.

        Raises:
            UsageError: the tree was read from a sidecar.
        """
        return self._known.flops(self.path)

    @property
    def node_names(self) -> tuple[str, ...]:
        """The names of its nodes and of all nodes below, in file order; '' for a node without a name.

        Raises:
            UsageError: the tree was read from a sidecar.
        """
        return self._known.node_names(self.path)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the values that it passes to outside nodes or to the model's outputs, in file order.

        A constant that a Constant or Identity node writes is named only if it is an output of the model or
        of a function.

        Raises:
            UsageError: the tree was read from a sidecar.
        """
        return self._known.outputs(self.path)

    @property
    def _known(self) -> ModuleContents:
        assert self.contents is not None, f"{self.path} belongs to no tree"
        return self.contents

    @property
    def shown_class(self) -> str | None:
        """The `plain_class`; an inferred class ends with a question mark; None without any."""
        if self.inferred_class and not self.class_name:
            return f"{plain_name(self.inferred_class)}?"
        return self.plain_class

    def _brief(self) -> str:
        shown = f"{self.path or '(root)'} {self.class_name or self.shown_class or 'of unknown class'}"
        nodes, parameters = counted(self.total_nodes, "node"), counted(len(self.parameters), "own parameter")
        return f"{listed([shown])}, {nodes}, {parameters}"
