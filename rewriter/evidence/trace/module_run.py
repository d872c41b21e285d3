"""Plain data of one run of a torch module whose values are kept in files, to compare them with an ONNX model.

`value_recorder` makes it with torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from rewriter.paths import ModulePath
from rewriter.runtime.inputs.feeds import Array


class RunCall(NamedTuple):
    """Call `number` (from 0) of a module, with the keys of its inputs and outputs."""

    module: ModulePath
    number: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModuleRun:
    """Run of a torch module. The key of a value tells where it was seen first: `fc call 0 output 0`.

    Attributes:
        name: name of the module in messages.
        modules: the paths of all modules, the root first, also of modules without a call.
        calls: the calls in the order in which they ended, so the root is the last.
        files: value -> the path of its array, see `RecordedValues`; in the order in which they were seen.
        writers: value -> the module and call that computed it; inputs of the root are left out.
        inputs: name and array of every input; the name is '' for one given by position or inside a list.
    """

    name: str
    modules: tuple[ModulePath, ...]
    calls: tuple[RunCall, ...]
    files: Mapping[str, str]
    writers: Mapping[str, tuple[ModulePath, int]]
    inputs: tuple[tuple[str, Array], ...]
