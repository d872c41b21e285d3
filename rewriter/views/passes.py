"""Lists the passes that a rewrite can run, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NotRequired, TypedDict

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from rewriter.passes.base import Pass
from rewriter.passes.registry.catalogue import Catalogue
from rewriter.passes.registry.plugins import package_of
from rewriter.passes.registry.syntax import options_of, purpose_of
from rewriter.views.text.parts import page_width

PASSES: Final = "rewriter.passes/1"


class PassOptionsJson(TypedDict):
    """One pass.

    Attributes:
        name: Name of the pass on the command line.
        purpose: First paragraph of the documentation of the pass.
        options: Option -> default: a text, a number, true or false, or a list of texts.
        package: The package that provides the pass, with its version; absent for built-in passes.
    """

    name: str
    purpose: str
    options: Mapping[str, object]
    package: NotRequired[str]


class PassesJson(TypedDict):
    """Passes that a rewrite can run.

    Printed by `rewriter passes --json`.

    Attributes:
        passes: Built-in passes in the recommended order, then passes of other packages.
    """

    schema: Literal["rewriter.passes/1"]
    passes: Sequence[PassOptionsJson]


def passes_json(found: Catalogue) -> PassesJson:
    """Convert a catalogue of passes to JSON."""
    return {"schema": PASSES, "passes": [_pass_json(step) for step in found.passes]}


def print_passes(found: Catalogue, console: Console) -> None:
    """Print every pass in the syntax of the command line, with its default options and its purpose."""
    for step in found.passes:
        package = package_of(step)
        source = f"  from {package}" if package else ""
        console.print(Text.assemble((step.name, "bold"), _braces(step), (source, "dim")), soft_wrap=True)
        console.print(Padding(Text(purpose_of(step)), (0, 0, 1, 4)), width=page_width(console))


def _pass_json(step: type[Pass]) -> PassOptionsJson:
    """Convert a pass to JSON; only passes of other packages have `package`."""
    package = package_of(step)
    shown: PassOptionsJson = {"name": step.name, "purpose": purpose_of(step), "options": options_of(step)}
    return {**shown, "package": package} if package else shown


def _braces(step: type[Pass]) -> str:
    shown = {name: "" if default == () else default for name, default in options_of(step).items()}
    options = ",".join(f"{name}={json.dumps(default)}" for name, default in shown.items())
    return f"{{{options}}}" if options else ""
