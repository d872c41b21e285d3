"""Module, Parameter and ModuleTree: the module hierarchy of a model, frozen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import InitVar, dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from importlib import import_module
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING

from rewriter.basics.display import Display, counted, listed
from rewriter.errors import UsageError
from rewriter.evidence.certainty import Certainty
from rewriter.evidence.claims import Holds, InitializerSlice
from rewriter.evidence.reference.module_list import Declared
from rewriter.evidence.roles import Role
from rewriter.modules.nearest_paths import no_module_fits
from rewriter.modules.wrappers import spellings
from rewriter.paths import ROOT, ModulePath

if TYPE_CHECKING:
    from pandas import DataFrame

    from rewriter.model.index.graph import GraphIndex
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


_MAGIC = frozenset("*?[")
"""Characters that make a path a glob."""


@dataclass(frozen=True, slots=True)
class Parameter:
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
    def count(self) -> int:
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


@dataclass(frozen=True, slots=True)
class Tensor:
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
    count: int
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


@dataclass(frozen=True, slots=True)
class Placement:
    """Module and call in which a node was placed, the winning evidence, and its certainty.

    `conflicting` holds the modules that other witnesses named; `home` is the module and call that `unshare`
    moved the node to.
    """

    module: ModulePath
    call: int
    source: str
    certainty: Certainty
    conflicting: tuple[ModulePath, ...] = ()
    home: tuple[ModulePath, int] | None = None


@dataclass(frozen=True, slots=True)
class Boundary:
    """Position in file order between nodes of one module and nodes of the next.

    Attributes:
        left: the module that ends.
        right: the module that begins.
        last: number of the last placed node before the boundary.
        first: number of the first placed node after it.
    """

    left: ModulePath
    right: ModulePath
    last: int
    first: int


@dataclass(frozen=True, repr=False)
class ModuleTree(Display):
    """All modules of a model by path, the root first and parents before children.

    Attributes:
        modules: path -> Module, in depth-first order.
        placements: one entry per node of the GraphIndex; None for an unplaced node.
    """

    modules: Mapping[ModulePath, Module]
    placements: tuple[Placement | None, ...]
    graph: InitVar[GraphIndex | None] = None

    def __post_init__(self, graph: GraphIndex | None) -> None:
        """Make the mapping read-only, and give each module access to the contents of the tree.

        Args:
            graph: the index of the model; None if it is not known.
        """
        from rewriter.modules.module_contents import ModuleContents

        contents = ModuleContents(dict(self.modules), graph)
        modules = {path: replace(module, contents=contents) for path, module in self.modules.items()}
        object.__setattr__(self, "modules", MappingProxyType(modules))

    def __getitem__(self, path: str) -> Module:
        try:
            return self.modules[ModulePath(path)]
        except KeyError:
            raise KeyError(no_module_fits(path, self)) from None

    def __contains__(self, path: object) -> bool:
        return path in self.modules

    def __iter__(self) -> Iterator[Module]:
        return iter(self.modules.values())

    def __len__(self) -> int:
        return len(self.modules)

    @property
    def root(self) -> Module:
        """The module at the top."""
        return self.modules[ROOT]

    @cached_property
    def placed(self) -> int:
        """Number of placed nodes: named and inferred ones. Guesses are counted apart."""
        return self.by_certainty[Certainty.NAMED] + self.by_certainty[Certainty.INFERRED]

    @property
    def guessed(self) -> int:
        """Number of nodes whose module is a guess."""
        return self.by_certainty[Certainty.GUESSED]

    @cached_property
    def unplaced(self) -> int:
        """Number of nodes without a module, not even a guessed one."""
        return sum(placement is None for placement in self.placements)

    @cached_property
    def by_certainty(self) -> dict[Certainty, int]:
        """Number of nodes with a module by certainty, the most certain first."""
        counts = dict.fromkeys(Certainty, 0)
        for placement in self.placements:
            if placement is not None:
                counts[placement.certainty] += 1
        return counts

    @cached_property
    def by_source(self) -> dict[str, int]:
        """Number of placed nodes by winning evidence, most first."""
        counts: dict[str, int] = {}
        for placement in self.placements:
            if placement is not None and placement.certainty is not Certainty.GUESSED:
                counts[placement.source] = counts.get(placement.source, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @cached_property
    def conflicts(self) -> int:
        """Number of nodes with conflicting claims."""
        return sum(placement is not None and bool(placement.conflicting) for placement in self.placements)

    @property
    def coverage(self) -> float:
        """Share of placed nodes, 0 to 1; 1 for a model without nodes."""
        return self.placed / len(self.placements) if self.placements else 1.0

    def walk(self, start: str = ROOT) -> Iterator[Module]:
        """Yield `start` and every module below it, depth first, parents before children."""
        stack = [ModulePath(start)]
        while stack:
            module = self.modules[stack.pop()]
            yield module
            stack.extend(reversed(module.children))

    def innermost_first(self) -> Iterator[Module]:
        """Return an iterator over all modules, children before their parents."""
        return reversed(tuple(self.walk()))

    def path_to(self, path: str) -> tuple[Module, ...]:
        """Return the modules from the root down to `path`, both included."""
        target = ModulePath(path)
        return tuple(self.modules[p] for p in (*reversed(tuple(target.ancestors())), target))

    def children(self, path: str = ROOT) -> tuple[Module, ...]:
        """Return the modules directly below `path`."""
        return tuple(self.modules[child] for child in self.modules[ModulePath(path)].children)

    def of_kind(self, kind: Kind | str | None) -> tuple[Module, ...]:
        """Return the modules of one kind; None selects those of unknown class."""
        return tuple(module for module in self if module.kind == kind)

    def boundaries(self, depth: int | None = None) -> tuple[Boundary, ...]:
        """Return the boundaries between modules in file order; unplaced nodes are skipped.

        Args:
            depth: depth at which to compare modules, each with the nodes of all modules below; None compares
                the modules that own the nodes directly. Layers of `encoder.layer.N` meet at depth 3.
        """
        found = []
        last, left = -1, ROOT
        for node, placement in enumerate(self.placements):
            if placement is None:
                continue
            right = placement.module.cut(depth)
            if last >= 0 and right != left:
                found.append(Boundary(left, right, last, node))
            last, left = node, right
        return tuple(found)

    def to_pandas(self) -> DataFrame:
        """Return a table of all modules, with their paths as index.

        Raises:
            UsageError: pandas is not installed, or the tree was read from a sidecar.
        """
        try:
            from pandas import DataFrame
        except ImportError:
            raise UsageError("to_pandas needs pandas; install it: pip install pandas") from None
        columns = ("class_name", "kind", "depth", "leaf", "calls", "total_nodes", "params", "bytes")
        rows = [[getattr(module, column) for column in columns] for module in self]
        return DataFrame(rows, index=[str(module.path) for module in self], columns=list(columns))

    def select(self, glob: str) -> tuple[Module, ...]:
        """Return the modules whose path matches a glob (see `ModulePath.matches`), in tree order.

        Raises:
            UsageError: no path matches; the message suggests some that do. `fitting` returns () instead.
        """
        if found := self.fitting(glob):
            return found
        raise UsageError(no_module_fits(glob, self))

    def fitting(self, glob: str) -> tuple[Module, ...]:
        """Return the modules whose path matches a glob, in tree order; () if no path does.

        If no path matches, the glob is tried with or without the prefix of a wrapper (`model.`), see
        `wrappers.spellings`.
        """
        return next(filter(None, map(self._spelled, spellings(glob, self))), ())

    def _spelled(self, glob: str) -> tuple[Module, ...]:
        if _MAGIC.isdisjoint(glob):
            found = self.modules.get(ModulePath(glob))
            return () if found is None else (found,)
        return tuple(module for module in self if module.path.matches(glob))

    @property
    def brief(self) -> str:
        """The number of modules, and of placed nodes, as text."""
        nodes = counted(len(self.placements), "node")
        return f"{counted(len(self), 'module')}, {self.placed:,} of {nodes} placed"

    def _repr_html_(self) -> str:
        # `rewriter.views` imports this module, so the top of this file cannot import it.
        html: str = import_module("rewriter.views.notebook_tree").modules_html(self)
        return html

    def _brief(self) -> str:
        return self.brief
