"""Decides for every stored tensor: its formula, the reason for none, or that it depends on no weight."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import prod

from rewriter.basics.display import listed
from rewriter.checkpoints.formula import Formula
from rewriter.checkpoints.names.by_name import NoFormula, formula_of
from rewriter.checkpoints.names.constants import Sign, constants_of
from rewriter.checkpoints.names.expanded import expansion_in
from rewriter.checkpoints.names.held import Held, held_parameters
from rewriter.checkpoints.names.merged import Equality, merged_with
from rewriter.checkpoints.names.merged_constants import ConstantReaders, changes_generated
from rewriter.checkpoints.names.packed_rows import packed_rows
from rewriter.checkpoints.names.prefixes import Prefixes
from rewriter.checkpoints.names.recorded_norms import layer_with_norm
from rewriter.checkpoints.names.recorded_operators import computed_from
from rewriter.checkpoints.names.recorded_state import ShapeOf, recorded_origins
from rewriter.checkpoints.names.single_numbers import doubtful_numbers
from rewriter.checkpoints.names.spare_keys import spare_keys
from rewriter.checkpoints.tensors.state_dict import StateDict
from rewriter.evidence.parameters.stored_tensors import Stored
from rewriter.evidence.parameters.tensor_roles import operands_of
from rewriter.model.tensors import dtype_name
from rewriter.modules.analysis import Analysis

Decision = Formula | NoFormula | Sign
_UNKNOWN = "no parameter is known to be in it, and nothing shows that it depends on none"


def by_value(analysis: Analysis) -> dict[int, list[Held]]:
    """Return initializer -> the parameters that it holds."""
    found: dict[int, list[Held]] = {}
    for each in held_parameters(analysis):
        found.setdefault(each.value, []).append(each)
    return found


def by_name(
    analysis: Analysis, held: Mapping[int, list[Held]], prefixes: Prefixes, new: StateDict
) -> dict[int, Decision]:
    """Return stored tensor -> the decision by its name and by signs in the file.

    Args:
        analysis: the model.
        held: initializer -> the parameters that it holds.
        prefixes: the prefixes of names that differ between file and checkpoint.
        new: the new checkpoint.
    """
    signs = constants_of(analysis)

    def shape_of(name: str) -> tuple[int, ...] | None:
        entry = new.entries.get(prefixes.key_of(name))
        return entry.shape if entry is not None else None

    found: dict[int, Decision] = {}
    for value, stored in operands_of(analysis.graph).stored.items():
        own = held.get(value, [])
        known = any(prefixes.key_of(each.key) in new.entries for each in own)
        if not known and value in signs:
            found[value] = signs[value]
        else:
            named = formula_of(own, prefixes.key_of, new) if own else None
            formula = named or _unnamed(analysis, value, shape_of)
            if isinstance(formula, NoFormula):
                rows = packed_rows(analysis.graph, own[0], shape_of) if len(own) == 1 else None
                formula = rows or layer_with_norm(analysis.graph, value, shape_of) or formula
            found[value] = _typed(formula, stored, prefixes, new)
    spare = spare_keys(taken_by(found.values(), prefixes), new)
    refuse_merged(analysis, held, found, prefixes, new, spare)
    _refuse_weak_signs(analysis, found, spare)
    return found


def _refuse_weak_signs(
    analysis: Analysis, found: dict[int, Decision], spare: Mapping[tuple[int, ...], list[str]]
) -> None:
    """Take back the signs of constants that may be parameters which no tensor is known to hold."""
    left = {prod(shape): keys[0] for shape, keys in spare.items()}
    stored = operands_of(analysis.graph).stored
    for value, decision in found.items():
        key = left.get(stored[value].elements) if stored[value].is_float else None
        if key is not None and decision in (Sign.CONSTANT_NODE, Sign.NUMBER):
            found[value] = NoFormula(f"it may hold {key}, which no tensor is known to hold")


def refuse_doubtful_numbers(analysis: Analysis, found: dict[int, Decision], key: str | None) -> None:
    """Take back that single numbers depend on no weight, if a parameter `key` is such a number too."""
    for value in doubtful_numbers(analysis) if key is not None else ():
        if found[value] in (Sign.NUMBER, Sign.CONTENT):
            found[value] = NoFormula(f"it may be computed from {key}, one number too, and nothing shows it")


def refuse_merged_constants(
    analysis: Analysis, found: dict[int, Decision], prefixes: Prefixes, new: StateDict
) -> None:
    """Take back the formulas of tensors that may also stand for a constant of the program."""
    readers, equality = ConstantReaders(analysis), Equality(new)
    spare = spare_keys(taken_by(found.values(), prefixes), new)

    def tied_to(name: str) -> Iterator[str]:
        key = prefixes.key_of(name)
        others = spare.get(equality.shape(key), ())
        yield from (prefixes.name_of(each) for each in others if equality.same(key, each))

    for value, decision in found.items():
        if isinstance(decision, NoFormula | Sign) or not readers.of(value, decision.keys):
            continue
        if changes_generated(analysis, value, decision, lambda name: new.read(prefixes.key_of(name))):
            names = {*decision.keys, *(other for name in decision.keys for other in tied_to(name))}
            if node := readers.of(value, names):
                found[value] = NoFormula(
                    f"it may also stand for something that was equal at the export, which {node} reads"
                )


def _unnamed(analysis: Analysis, value: int, shape_of: ShapeOf) -> Formula | NoFormula:
    """Return the formula of a tensor without the name of a parameter, or the reason why it has none."""
    origins = recorded_origins(analysis.graph, value)
    if not origins:
        return NoFormula(_UNKNOWN)
    found = expansion_in(analysis, value, shape_of) or computed_from(analysis.graph, value, shape_of)
    return found or NoFormula(
        f"the exporter computed it from {listed(origins)}; give the old weights by --checkpoint"
    )


def _typed(
    formula: Formula | NoFormula, stored: Stored, prefixes: Prefixes, new: StateDict
) -> Formula | NoFormula:
    """Refuse a formula that would turn integers into floating-point numbers, or the reverse."""
    for key in () if isinstance(formula, NoFormula) else map(prefixes.key_of, formula.keys):
        entry = new.entries[key]
        if entry.is_float != stored.is_float:
            there, here = entry.dtype.name, dtype_name(stored.data_type)
            return NoFormula(f"{key} is {there} in the checkpoint, and {here} in the file")
    return formula


def refuse_merged(
    analysis: Analysis,
    held: Mapping[int, list[Held]],
    found: dict[int, Decision],
    prefixes: Prefixes,
    new: StateDict,
    spare: Mapping[tuple[int, ...], list[str]],
) -> None:
    """Take back the formulas of tensors that may stand for parameters with different new tensors."""
    equality, readers = Equality(new), ConstantReaders(analysis)
    for value, decision in found.items():
        whole = [each for each in held.get(value, ()) if each.claim.part is None]
        if isinstance(decision, NoFormula | Sign) or not whole:
            continue
        own = [key for each in whole if (key := prefixes.key_of(each.key)) in new.entries]
        shown = readers.of(value, decision.keys) is None
        if own and (other := merged_with(analysis, value, own, spare, equality, shown=shown)):
            found[value] = NoFormula(f"it may stand for {own[0]} and {other}, whose new tensors differ")


def taken_by(decisions: Iterable[Decision], prefixes: Prefixes) -> set[str]:
    """Return the keys of the checkpoint that formulas read."""
    formulas = (each for each in decisions if not isinstance(each, NoFormula | Sign))
    return {prefixes.key_of(key) for formula in formulas for key in formula.keys}
