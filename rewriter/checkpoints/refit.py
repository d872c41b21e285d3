"""Puts new weights into a model: evaluates the formulas, writes the file, and proves what was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from onnx import ModelProto, TensorProto

from rewriter.basics.display import Display, counted, listed
from rewriter.checkpoints.lora.beside.keep import KeptAdapter
from rewriter.checkpoints.plan import Fitted, RefitPlan
from rewriter.checkpoints.refit_data import computed_weight, new_contents
from rewriter.checkpoints.refit_proof import Proved, WrittenFiles, demand_refitted
from rewriter.checkpoints.tensors.stored_messages import clear_content, messages_of
from rewriter.errors import NotProved, UsageError
from rewriter.model.storage import external_data, output_targets
from rewriter.model.storage.atomic_outputs import write_atomically
from rewriter.model.storage.data_copies import Copies, Watched, copies_to
from rewriter.model.storage.packing import pack
from rewriter.model.storage.stale_copies import content_of
from rewriter.model.tensors import is_external
from rewriter.modules.analysis import Analysis
from rewriter.verdict.numbers import Numeric


@dataclass(frozen=True, slots=True, repr=False)
class Refit(Display):
    """New weights for a model.

    Attributes:
        analysis: the model.
        plan: the formula of each tensor, and everything that has none.
        model: the model with the new weights, without its external data; None if it was not made.
        proof: the comparison with the written file; None if none was written.
        outputs: the written files, the model last.
        removed: the removed sidecar and data copies of the model that the output replaced.
        kept: the adapter that was put into the model as nodes of its own; None without one.
        numeric: the comparison of such a model with the one that has the adapter merged; None if none was
            requested.
    """

    analysis: Analysis
    plan: RefitPlan
    model: ModelProto | None = None
    proof: Proved | None = None
    outputs: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()
    kept: KeptAdapter | None = None
    numeric: Numeric | None = None

    def _brief(self) -> str:
        lacking = listed(each.name for each in self.plan.lacking)
        return f"{counted(len(self.plan.fitted), 'tensor')} with new weights, without: {lacking}"


class Unresolved(NotProved):
    """A tensor has no formula, or a key may be in some tensor; nothing was written.

    Attributes:
        found: the plan, with everything that has no formula.
    """

    def __init__(self, message: str, found: Refit) -> None:
        super().__init__(message)
        self.found = found


def refit(
    model: ModelProto,
    analysis: Analysis,
    plan: RefitPlan,
    output: Path | None = None,
    *,
    partial: bool = False,
    kept: KeptAdapter | None = None,
    progress: Callable[[str], None] = lambda station: None,
) -> Refit:
    """Put new weights into a copy of a model, write it, and prove what was written.

    Args:
        model: the model as it was read, with its functions, or with the nodes of an adapter.
        analysis: its analysis.
        plan: the new weights.
        output: the file to write; None to only return the model.
        partial: whether tensors without a formula keep their content; if not, they are an error.
        kept: the adapter whose nodes are in the model; None without one.
        progress: called with the name of each step as it begins.

    Raises:
        Unresolved: something has no formula, and `partial` is False.
        UsageError: the output would replace an input, a new tensor does not fit, or the weights are external
            and no output is named.
        UnreadableModel: external data is missing, too short or not allowed, or an input changed meanwhile.
        NotProved: what was written is not what was planned.
        CannotWrite: the output cannot be written.
    """
    found = Refit(analysis, plan, kept=kept)
    name = analysis.path or "model"
    if plan.lacking and not partial:
        raise Unresolved(
            f"{name}: {_told(plan)}; nothing was written, add --partial to keep their content", found
        )
    made = ModelProto()
    made.CopyFrom(model)
    messages = _demand_messages(made, plan, str(name))
    home = analysis.path or output
    data = external_data.check_external_data(model, home) if home else ()
    if output is not None:
        output_targets.demand_targets(analysis.path, (output,), data)
        of_adapter = plan.adapter.files if plan.adapter else ()
        for file in plan.new.files:
            output_targets.spare_given(output, **{"lora" if file in of_adapter else "new": file})
    elif any(is_external(messages[each.name]) for each in plan.fitted):
        raise UsageError(f"{name}: its weights are external; name the file to write")
    progress("weights")
    for each in plan.fitted:
        if not is_external(messages[each.name]):
            _fill(messages[each.name], each, plan)
    if output is None:
        return replace(found, model=made)
    return _write(replace(found, model=made), model, messages, output, data, progress)


def _told(plan: RefitPlan) -> str:
    tensors = [each for each in plan.lacking if not each.is_key]
    keys = [each for each in plan.lacking if each.is_key]
    first = plan.lacking[0]
    counts = [counted(len(tensors), "tensor")] if tensors else []
    counts += [counted(len(keys), "key")] if keys else []
    return f"{' and '.join(counts)} cannot be resolved, first {first.name}: {first.reason}"


def _demand_messages(model: ModelProto, plan: RefitPlan, name: str) -> Mapping[str, TensorProto]:
    messages = messages_of(model)
    for each in plan.fitted:
        if each.name not in messages:
            raise UsageError(
                f"{name}: {each.name} is in a function, or in several bodies; flatten the functions first"
            )
    return messages


def _fill(tensor: TensorProto, fitted: Fitted, plan: RefitPlan) -> None:
    content = b"".join(computed_weight(fitted, plan).make())
    clear_content(tensor)
    tensor.raw_data = content


def _write(
    found: Refit,
    before: ModelProto,
    messages: Mapping[str, TensorProto],
    output: Path,
    data: tuple[str, ...],
    progress: Callable[[str], None],
) -> Refit:
    source = found.analysis.path or output
    plan, made = found.plan, found.model
    assert made is not None, "it was made"
    copies = Copies(watched=Watched((source,)))
    if data:
        packing = pack({output.name: made}, source.parent)
        copies = copies_to(output.parent, source, data, packing, new_contents(packing, messages, plan))
    proof: list[Proved] = []

    def check(staged: Mapping[Path, Path]) -> None:
        progress("proof")
        proof.append(demand_refitted(before, source.parent, plan, WrittenFiles(output, staged)))

    progress("write")
    removed = write_atomically({output: content_of(made, output, copies)}, copies, check=check)
    return replace(found, proof=proof[0], outputs=(*copies.files, output), removed=removed)
