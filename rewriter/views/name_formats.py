"""Writes names of nodes, values or initializers as lines, JSON or Python, or in formats of other tools."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import get_args

from rewriter.basics.literals import FormWord, PrecisionWord
from rewriter.basics.nearest import fits_nothing
from rewriter.errors import UsageError
from rewriter.insight.selected_names import Chosen, choose
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import Selection
from rewriter.options.words import FORMS, LINES, NamedKind
from rewriter.views.escape import visible

OF_NODES = ("ort-quant", "ort-fp16", "trt", "nncf")
"""Formats that take only names of nodes."""
_TRT_SYNTAX = frozenset(",:")


@dataclass(frozen=True, slots=True, repr=False)
class ChosenNames(Chosen):
    """Result of a selection, whose names can be written in the formats of other tools."""

    def text(self, form: FormWord = "lines", precision: PrecisionWord = "fp16") -> str:
        """Return the names in one format; see `names_as`, and `left_out` for missing names.

        Raises:
            UsageError: the format or precision is unknown, or `names_as` cannot write the names.
        """
        if precision not in get_args(PrecisionWord):
            raise UsageError(fits_nothing("precision", precision, get_args(PrecisionWord)))
        return names_as(self, form, precision)


def chosen_names(analysis: Analysis, selection: Selection, what: NamedKind = NamedKind.NODES) -> ChosenNames:
    """Find the names of a selection, see `choose`.

    Raises:
        UsageError: the selection matches nothing.
    """
    found = choose(analysis, selection, what)
    return ChosenNames(**{field.name: getattr(found, field.name) for field in fields(found)})


def names_as(chosen: Chosen, form: str, precision: str = "fp16") -> str:
    r"""Return the names in one of the formats `words.FORMS`.

    Args:
        chosen: the names.
        form: `lines`: one per line, control characters as escapes; `json`: an array; `python`: a list;
            `ort-quant`: an object with `nodes_to_exclude`, to be passed as keywords to `quantize_dynamic` or
            `quantize_static` of `onnxruntime.quantization`; `ort-fp16`: an object with `node_block_list`, to
            be passed as keywords to `convert_float_to_float16` of `onnxruntime.transformers.float16`; `trt`:
            options of TensorRT's trtexec; `nncf`: an expression for NNCF's `ignored_scope`.
        precision: the precision that `trt` sets.

    Raises:
        UsageError: the format is unknown, it takes nodes but the names are not those of nodes, or it can
            express none of the names.
    """
    if form not in FORMS:
        raise UsageError(fits_nothing("form", form, FORMS))
    if form in OF_NODES and chosen.what is not NamedKind.NODES:
        raise UsageError(f"--format {form} names nodes; leave out --what {chosen.what}")
    if form == "trt":
        return _trt(chosen.names, precision)
    return _WRITERS[form](chosen.names)


def _lines(names: Sequence[str]) -> str:
    return "\n".join(map(visible, names))


def _json(names: Sequence[str]) -> str:
    return json.dumps(list(names), indent=2)


def _python(names: Sequence[str]) -> str:
    return "\n".join(["[", *(f"    {name!r}," for name in names), "]"])


def _ort_quant(names: Sequence[str]) -> str:
    return json.dumps({"nodes_to_exclude": list(names)}, indent=2)


def _ort_fp16(names: Sequence[str]) -> str:
    return json.dumps({"node_block_list": list(names)}, indent=2)


def _nncf(names: Sequence[str]) -> str:
    return "\n".join(["nncf.IgnoredScope(names=[", *(f"    {name!r}," for name in names), "])"])


def _trt(names: Sequence[str], precision: str) -> str:
    """Return `--layerPrecisions=name:precision,...`, see trtexec's help, and the option to enforce it."""
    kept = [name for name in names if _fits_trt(name)]
    if names and not kept:
        raise UsageError("trtexec takes no name with ',', ':' or control characters, and all have one")
    spec = ",".join(f"{name}:{precision}" for name in kept)
    return f"--precisionConstraints=obey {shlex.quote(f'--layerPrecisions={spec}')}"


def _fits_trt(name: str) -> bool:
    return _TRT_SYNTAX.isdisjoint(name) and name.isprintable()


def left_out(chosen: Chosen, form: str) -> tuple[str, ...]:
    """Return warnings on names that a format cannot express, one line each."""
    if form == "trt":
        lost = [name for name in chosen.names if not _fits_trt(name)]
        if lost:
            return (
                f"trtexec takes no name with ',', ':' or control characters: {len(lost)} are left out, "
                f"first {lost[0]!r}",
            )
    return ()


_WRITERS: Mapping[str, Callable[[Sequence[str]], str]] = {
    LINES: _lines,
    "json": _json,
    "python": _python,
    "ort-quant": _ort_quant,
    "ort-fp16": _ort_fp16,
    "nncf": _nncf,
}
