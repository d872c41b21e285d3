"""The command line: one file per verb, loaded when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from rewriter.refusals import RewriterError
from rewriter.version import __version__

_VERBS = {
    "tree": "Show the module tree of a model.",
    "rewrite": "Write the module tree into a model, and prove that nothing else changed.",
    "verify": "Compare two models: symbolically, and by numbers in onnxruntime.",
    "explain": "Show every claim on one node, and why the winner won.",
}

BUG = 70
"""Exit code for a fault of our own (EX_SOFTWARE of sysexits.h)."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 + SIGINT."""


class _Verbs(click.Group):
    """Imports a verb only to run it: `rewriter --help` needs neither onnx nor rich."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        command = import_module(f"rewriter.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(_VERBS.items()))


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="onnx-module-rewriter", message="rewriter %(version)s")
@click.option("--debug", is_flag=True, help="Show a traceback where something fails.")
def cli(debug: bool) -> None:
    """Give an exported ONNX model its module tree back.

    \b
      rewriter tree model.onnx
      rewriter rewrite model.onnx -o model.tree.onnx

    \b
    Exit codes: 0 done; 1 not equivalent, nothing written; 2 usage; 3 unreadable or
    refused input; 4 below --min-coverage, or refusals under --strict; 70 a fault of
    our own; 130 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with one of its exit codes."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_run(words, debug="--debug" in words))


def _run(words: list[str], *, debug: bool) -> int:
    try:
        code = cli.main(words, prog_name="rewriter", standalone_mode=False)
    except click.ClickException as error:
        return _wrong_use(error, words)
    except RewriterError as error:
        if debug:
            raise
        return _fail(str(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", INTERRUPTED)
    except SystemExit:
        # click and rich leave like this, with 1, when whoever read our output has left, as in
        # `rewriter tree m.onnx | head`; the work was done, and 1 would mean "not equivalent".
        return 0
    except Exception as error:
        if debug:
            raise
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        return _fail(f"internal error: {what}; please report it with --debug", BUG)
    return code if isinstance(code, int) else 0


def _wrong_use(error: click.ClickException, words: list[str]) -> int:
    """Say in one line what is wrong with the words, and where the right ones stand."""
    if not words:  # nothing was asked for: the error is the help page
        error.show()
        return error.exit_code
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "rewriter"
    message = " ".join(error.format_message().split()).rstrip(".")
    return _fail(f"{message}; see '{command} --help'", error.exit_code)


def _fail(message: str, code: int) -> int:
    from rewriter.views.escape import visible

    click.echo(f"rewriter: {visible(message)}", err=True)
    return code
