"""`rewriter passes`."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.padding import Padding
from rich.text import Text

from rewriter.cli.common import emit_json, stdout
from rewriter.options.show import Passes
from rewriter.passes.base import Pass
from rewriter.passes.plugins import find_plugins, load_plugin, package_of
from rewriter.passes.syntax import OWN, PASSES, options_of, purpose_of
from rewriter.refusals import UsageError


def run(options: Passes) -> None:
    """List the passes, those of other packages last."""
    passes = [*PASSES, *_of_others()]
    if options.as_json:
        emit_json({"schema": "rewriter.passes/1", "passes": [_as_json(step) for step in passes]})
        return
    console = stdout()
    for step in passes:
        package = package_of(step)
        source = f"  from {package}" if package else ""
        console.print(Text.assemble((step.name, "bold"), _braces(step), (source, "dim")), soft_wrap=True)
        console.print(Padding(Text(purpose_of(step)), (0, 0, 1, 4)))


def _of_others() -> list[type[Pass]]:
    """The passes of other packages; what is wrong with one goes to stderr, and the others are listed."""
    plugins = find_plugins(OWN)
    loaded = []
    for name in dict.fromkeys(plugin.name for plugin in plugins):
        try:
            step = load_plugin(name, plugins)
        except UsageError as error:
            click.echo(f"rewriter: {error}", err=True)
        else:
            assert step is not None
            loaded.append(step)
    return loaded


def _as_json(step: type[Pass]) -> dict[str, Any]:
    """One pass; `package` is there for those of other packages alone."""
    package = package_of(step)
    shown = {"name": step.name, "purpose": purpose_of(step), "options": options_of(step)}
    return {**shown, "package": package} if package else shown


def _braces(step: type[Pass]) -> str:
    shown = {name: "" if default == () else default for name, default in options_of(step).items()}
    options = ",".join(f"{name}={json.dumps(default)}" for name, default in shown.items())
    return f"{{{options}}}" if options else ""
