"""Decides for every stored tensor by comparison with the old checkpoint, and by names that it confirms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from rewriter.checkpoints.content import FoundFormulas
from rewriter.checkpoints.content.old import is_dull
from rewriter.checkpoints.content.rounding import is_close
from rewriter.checkpoints.decisions import Decision, by_name, refuse_merged, taken_by
from rewriter.checkpoints.formula import Formula
from rewriter.checkpoints.names.by_name import NoFormula
from rewriter.checkpoints.names.constants import Sign
from rewriter.checkpoints.names.held import Held
from rewriter.checkpoints.names.prefixes import Prefixes
from rewriter.checkpoints.names.spare_keys import spare_keys
from rewriter.checkpoints.tensors.state_dict import StateDict
from rewriter.checkpoints.tensors.stored_messages import message_of
from rewriter.evidence.claims import Source
from rewriter.evidence.parameters.stored_tensors import Stored
from rewriter.evidence.parameters.tensor_roles import operands_of
from rewriter.model.tensors import Array, array_of
from rewriter.modules.analysis import Analysis
from rewriter.modules.tensor_owners import named_tensors


def by_content(
    analysis: Analysis, found: FoundFormulas, prefixes: Prefixes, new: StateDict
) -> dict[int, Decision]:
    """Return stored tensor -> the decision by comparison with the old checkpoint.

    Each formula is tried on the new checkpoint, since its candidates may disagree there.
    """
    operands = operands_of(analysis.graph)
    decisions: dict[int, Decision] = dict.fromkeys(operands.stored, Sign.CONTENT)
    named = named_tensors(analysis.graph, operands)
    for name, reason in found.unresolved.items():
        decisions[named[name]] = NoFormula(reason)
    for name, formula in found.formulas.items():
        decisions[named[name]] = _tried(formula, operands.stored[named[name]], prefixes, new)
    return decisions


def _tried(formula: Formula, stored: Stored, prefixes: Prefixes, new: StateDict) -> Formula | NoFormula:
    lacking = next((key for key in formula.keys if prefixes.key_of(key) not in new.entries), None)
    if lacking is not None:
        return NoFormula(f"the checkpoint has no {prefixes.key_of(lacking)}")
    try:
        shape = formula.evaluate(lambda key: new.read(prefixes.key_of(key))).shape
    except ValueError as error:
        return NoFormula(f"{formula}: {error}")
    if shape != stored.dims:
        return NoFormula(f"{formula} has the shape {shape} in the checkpoint, and {stored.dims} in the file")
    return formula


def resolve_by_names(
    analysis: Analysis,
    found: dict[int, Decision],
    held: Mapping[int, list[Held]],
    prefixes: Prefixes,
    new: StateDict,
    old: StateDict,
    *,
    all_read: bool,
) -> None:
    """Take the formulas that names show and that the old checkpoint confirms, where content tells less.

    Args:
        analysis: the model.
        found: stored tensor -> the decision by content.
        held: initializer -> the parameters that it holds.
        prefixes: the prefixes of names that differ between file and checkpoint.
        new: the new checkpoint.
        old: the checkpoint that was exported.
        all_read: whether formulas by content read every key of it.
    """
    # A name that the old checkpoint gave is no further evidence.
    independent = {
        value: kept
        for value, each in held.items()
        if (kept := [one for one in each if one.claim.source is not Source.CHECKPOINT])
    }
    named = by_name(analysis, independent, prefixes, new)
    proved: dict[int, Decision] = {value: named[value] for value in _proved(analysis, found, named, old)}
    proved |= {value: named[value] for value in _constants(analysis, found, named, all_read=all_read)}
    taken = taken_by([*found.values(), *proved.values()], prefixes)
    refuse_merged(analysis, held, proved, prefixes, new, spare_keys(taken, new))
    found |= {value: each for value, each in proved.items() if not isinstance(each, NoFormula)}


def _proved(
    analysis: Analysis, found: Mapping[int, Decision], named: Mapping[int, Decision], old: StateDict
) -> Iterator[int]:
    """Yield the tensors that get their old content from a formula by names, which content does not show."""
    for value, formula in named.items():
        if isinstance(formula, NoFormula | Sign) or not all(key in old.entries for key in formula.keys):
            continue
        known = found[value]
        if not isinstance(known, NoFormula | Sign) and not _says_more(formula, known):
            continue
        content = _content(analysis, value)
        if content is not None and is_close(
            formula.evaluate(old.read), content, float(np.abs(content).max())
        ):
            yield value


def _constants(
    analysis: Analysis, found: Mapping[int, Decision], named: Mapping[int, Decision], *, all_read: bool
) -> Iterator[int]:
    """Yield the tensors without a formula that the exporter wrote as constants of the program.

    A frozen module has its parameters as `Constant` nodes, so its number must repeat, or all keys be read.
    """
    for value, sign in named.items():
        if isinstance(found[value], NoFormula) and sign in (Sign.RECORDED, Sign.CONSTANT_NODE):
            content = _content(analysis, value)
            if sign is Sign.RECORDED or all_read or (content is not None and is_dull(content)):
                yield value


def _content(analysis: Analysis, value: int) -> Array | None:
    tensor = message_of(analysis.graph, value)
    folder = analysis.path.parent if analysis.path else None
    return array_of(tensor, folder) if tensor is not None else None


def _says_more(formula: Formula, other: Formula) -> bool:
    """Whether a formula reads the keys of another one and further ones, such as a mean of zeros."""
    return set(formula.keys) > set(other.keys)
