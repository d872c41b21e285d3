"""The graphs in the docstrings of passes: what is shown before becomes what is shown behind."""

from __future__ import annotations

import textwrap

import onnx
import pytest
from onnx import ModelProto

import rewriter
from rewriter.passes import flatten, group, share, unshare
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass

GROUPED = (Annotate(), group.Group())


@pytest.mark.parametrize(
    ("module", "flat", "passes"),
    [
        (group, group, GROUPED),
        (share, group, (*GROUPED, share.Share())),
        (unshare, unshare, (Annotate(), unshare.Unshare())),
        (flatten, group, (*GROUPED, share.Share(), flatten.Flatten())),
    ],
    ids=["group", "share", "unshare", "flatten"],
)
def test_after_is_what_the_pass_makes(module: object, flat: object, passes: tuple[Pass, ...]) -> None:
    made = parsed(shown(flat)[0])
    last = bare(made)
    for step in passes:
        last, made = bare(made), rewriter.rewrite(made, passes=(step,), numbers=False).analysis.model
    before, after = shown(module)
    assert last == bare(parsed(before, *domains(last)))
    assert bare(made) == bare(parsed(after, *domains(made)))


def shown(module: object) -> tuple[str, str]:
    """The graphs of a docstring, before and behind the pass."""
    before, after = (module.__doc__ or "").partition("Before::")[2].split("After::")
    return textwrap.dedent(before), textwrap.dedent(after)


def domains(model: ModelProto) -> tuple[str, ...]:
    return tuple(each.domain for each in model.opset_import if each.domain)


def parsed(text: str, *domains: str) -> ModelProto:
    imports = ", ".join(['"" : 17', *(f'"{domain}" : 1' for domain in domains)])
    return onnx.parser.parse_model(f"<ir_version: 10, opset_import: [{imports}]>\n{text}")


def bare(model: ModelProto) -> ModelProto:
    """A copy without metadata, descriptions and stated types."""
    found = ModelProto.FromString(model.SerializeToString())
    found.ClearField("metadata_props")
    for body in (found.graph, *found.functions):
        body.ClearField("metadata_props")
        body.ClearField("value_info")
        body.ClearField("doc_string")
    for node in (*found.graph.node, *(node for function in found.functions for node in function.node)):
        node.ClearField("metadata_props")
    return found
