"""Shell completions that click does not have: passes, tools, and modules and nodes of the model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path

import click
from click.shell_completion import split_arg_string

_LARGEST = 64 << 20
"""Size in bytes of the largest file that is read for a completion; the user waits meanwhile."""

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _forgiving(complete: Complete) -> Complete:
    """Wrap a completion to return nothing on any error: a shell has no place for a message."""

    @wraps(complete)
    def completed(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
        try:
            return complete(context, parameter, typed)
        except Exception:
            return []

    return completed


@_forgiving
def passes(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Complete the last pass of a list: `annotate,unsh` becomes `annotate,unshare`.

    Passes of other packages are not completed.
    """
    from rewriter.passes.registry.builtin_passes import PASSES

    before, comma, last = typed.rpartition(",")
    return [before + comma + step.name for step in PASSES if step.name.startswith(last)]


@_forgiving
def modules(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Complete the current atom of a module path of MODEL, if the file is small."""
    from rewriter import pipeline

    if (path := _small_model(context)) is None:
        return []
    return list(_one_atom_further((str(module.path) for module in pipeline.load(path).tree), typed))


@_forgiving
def named(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Complete the name of a node or initializer in the main graph of MODEL, if the file is small."""
    from rewriter import pipeline

    if (path := _small_model(context)) is None:
        return []
    graph = pipeline.read_model(path, provable=False)[0].graph
    names = [*(node.name for node in graph.node), *(tensor.name for tensor in graph.initializer)]
    return [name for name in names if name.startswith(typed)]


@_forgiving
def tools(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Complete a package that `doctor` knows."""
    from rewriter.insight.tools.examine import TOOLS

    return sorted({tool.package for tool in TOOLS if tool.package.startswith(typed)})


def _small_model(context: click.Context) -> Path | None:
    path = context.params.get("model") or _first_model()
    return path if path is not None and path.is_file() and path.stat().st_size <= _LARGEST else None


def _first_model() -> Path | None:
    """Return the first typed `.onnx` file: click parses no words while an option lacks its value."""
    words = split_arg_string(os.environ.get("COMP_WORDS", ""))
    return next((path for path in map(Path, words[2:]) if path.suffix == ".onnx"), None)


def _one_atom_further(paths: Iterator[str], typed: str) -> dict[str, None]:
    """Shorten paths to as many atoms as were typed, so that a shell lists few: `enc` becomes `encoder`."""
    atoms = typed.count(".") + 1
    return dict.fromkeys(
        ".".join(path.split(".")[:atoms]) for path in paths if path and path.startswith(typed)
    )
