"""Describes the differences between two models: the result, the comparison, and what is not known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rewriter.basics.display import counted
from rewriter.evidence.trace.module_run import ModuleRun
from rewriter.insight.comparison.divergence import Divergence
from rewriter.insight.comparison.module_diff import Diff, ModuleDiff
from rewriter.insight.comparison.module_pairs import Common
from rewriter.modules.analysis import Analysis
from rewriter.views.text.differences.module_lines import two_digits


def headline(found: Diff) -> str:
    """Describe the result in one line: first divergence or equality; else the modules or outputs."""
    if found.unrelated and found.common is not None:
        return _unrelated_text(found.common)
    modules = "the modules differ" if found.changed else "no module differs"
    if found.numbers is None or found.numbers.skipped is not None:
        return f"{modules}, and no numbers were taken: {found.numbers.skipped}" if found.numbers else modules
    if found.first is not None:
        return f"first divergence: {divergence_text(found.first)}"
    if not (found.equal or found.numbers.random_calls(found.tolerance)):
        return "the models have other outputs, which cannot be compared"
    equal = f"equal within {found.tolerance:g}, relative, at "
    random = len(found.numbers.random_calls(found.tolerance))
    equal += counted(len(found.numbers.calls) - random, "call")
    if not random:
        return equal
    apart = f"{counted(random, 'call')} differ, by random numbers that both models draw"
    return f"not known: {apart}; {equal}"


def _unrelated_text(common: Common) -> str:
    modules = f"{common.modules:,} of {counted(common.of_modules, 'module')}"
    parameters = f"{common.parameters:,} of {counted(common.of_parameters, 'parameter')}"
    return f"the models seem unrelated: {modules} and {parameters} of one are in the other"


def divergence_text(first: Divergence) -> str:
    """Describe a divergence: `encoder.layer.1, call 0, max 0.013 (relative 0.4)`."""
    where = f"{first.path or '(root)'}, call {first.call}"
    _, *iterations = first.worst.began[0] if first.worst.began else (0,)
    if iterations:
        where += f", first in iteration {'.'.join(map(str, iterations))} (from 0)"
    largest, relative = first.figures
    made = ", made there" if first.own and first.measured else ""
    return f"{where}, max {two_digits(largest)} (relative {two_digits(relative)}){made}"


def compared_phrases(found: Diff) -> list[str]:
    """Describe the comparison: the files, numbers of modules by way of matching, the runs."""
    phrases = [" -> ".join(_name(each) for each in (found.before, found.after))]
    phrases += [f"{counted(count, 'module')} matched by {how}" for how, count in found.matched.items()]
    gone, added = sum(m.gone for m in found.modules), sum(m.added for m in found.modules)
    phrases += [f"{gone:,} gone"] if gone else []
    phrases += [f"{added:,} added"] if added else []
    changed = sum(bool(m.changes) for m in found.modules)
    phrases += [f"{changed:,} changed"] if changed else []
    if found.numbers is not None and found.numbers.skipped is None:
        phrases.append(f"{counted(found.numbers.runs, 'input set')}, tolerance {found.tolerance:g}")
    return phrases


def _name(side: Analysis | ModuleRun) -> str:
    if isinstance(side, ModuleRun):
        return side.name
    return side.path.name if side.path else "(model in memory)"


def notes_of(found: Diff) -> Iterable[str]:
    """Yield remarks that qualify the result."""
    if found.carried:
        yield "the second model was made from the first, so the tree of the first was carried over to it"
    yield from _notes_of_cause(found)
    if found.unmatched:
        names = ", ".join(found.unmatched[:3]) + (", ..." if len(found.unmatched) > 3 else "")
        count = counted(len(found.unmatched), "module")
        yield f"not compared, since the file does not have them: {count} of torch ({names})"
    nothing = [m for m in found.modules if any(not c.comparable and c.has_unpaired for c in m.calls)]
    if nothing:
        yield f"not comparable, since no output has a counterpart of its shape: {_some(nothing)}"
    if found.unrecorded:
        why = "their graph body did not run, or their outputs cannot be recorded"
        calls = sum(count for _, count in found.unrecorded)
        modules = _some([module for module, _ in found.unrecorded])
        yield f"not compared, since {why}: {counted(calls, 'call')} of {modules}"
    if found.half and found.measured:
        yield (
            "half precision: onnxruntime computes much of it in single precision on a CPU, so other devices "
            "may give other numbers"
        )
    if found.unseen:
        yield f"not compared, since all their results are in functions: {_some(found.unseen)}"


def _notes_of_cause(found: Diff) -> Iterable[str]:
    """Yield what is not known of the first divergence, and what random numbers explain."""
    first, numbers = found.first, found.numbers
    if first is None and numbers is not None and numbers.random_calls(found.tolerance):
        yield (
            "from equal draws, all calls compute equal values; whether both models draw from one "
            "distribution is not compared"
        )
    if first is None or numbers is None or (first.own and first.measured):
        return
    reason = f": {numbers.unmeasured}" if numbers.unmeasured else ""
    if first.own:
        yield f"its inputs agree; whether it makes the error or enlarges smaller ones is not known{reason}"
    elif (largest := numbers.largest_local()) is None or numbers.unmeasured:
        yield f"the inputs of this module differ as well, and no earlier module shows the cause{reason}"
    else:
        worst = two_digits(largest.figures[1])
        yield (
            f"no module makes an error above {found.tolerance:g} by itself: errors add up. The largest is "
            f"made in {largest.path or '(root)'}, call {largest.call}: relative {worst}"
        )


def _some(modules: Sequence[ModuleDiff]) -> str:
    names = ", ".join(str(module.path or "(root)") for module in modules[:3])
    more = ", ..." if len(modules) > 3 else ""
    return f"{counted(len(modules), 'module')} ({names}{more})"
