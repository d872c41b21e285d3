"""The command line: one module per verb, imported when the verb is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from rewriter.cli.command_words import demand_once, demand_verb, one_line, verb_of_help
from rewriter.cli.streams import flush, guarded
from rewriter.errors import RewriterError

_VERBS = {
    "tree": "Show the module tree of a model.",
    "rewrite": "Write the module tree into a model, and prove that nothing else changed.",
    "carry": "Write the tree of a model into a model that another tool made from it.",
    "batch": "Rewrite many files: folders, globs, URLs; resumable, on all cores or a cluster.",
    "flatten": "Undo rewrite --functions.",
    "passes": "List the passes that rewrite --passes runs.",
    "verify": "Compare two models: symbolically, and by numbers in onnxruntime.",
    "diff": "Show where two models differ, module by module, and where their numbers differ first.",
    "profile": "Show the time of a model, by module and by class.",
    "precision": "Find the modules to keep in fp32 if the others are in half precision.",
    "extract": "Write modules as a model of their own.",
    "split": "Cut a model into a chain of models.",
    "implant": "Put changed modules back into a model, and prove that all else is the same.",
    "weights": "Show the tensors that hold the keys of the state dict; write the state dict.",
    "refit": "Put the weights of another checkpoint into a model, and prove that nothing else changed.",
    "tap": "Make outputs of modules outputs of the model.",
    "untap": "Undo tap.",
    "drop": "Remove modules, with the outputs that depend on them.",
    "replace": "Make modules nodes of a custom operator, with the modules as its function body.",
    "explain": "Show the evidence for the module of a node, value or weight, or for a module.",
    "select": "Print the names of modules in the forms that other tools take.",
    "stats": "Show the numbers of each module: operators, parameters, shapes, FLOPs.",
    "report": "Write one page that shows a model: tree, figures, evidence, time, differences.",
    "doctor": "Warn of the effects that other tools will have on a model.",
    "export": "Write the tree for Model Explorer, speedscope, Graphviz or spreadsheets.",
    "completion": "Print the script that completes verbs, options and modules in a shell.",
}
_HELP = "help"
_WORDS = _VERBS | {_HELP: "Show the help page of a verb, as VERB --help does."}
"""The verbs, and `help`, which has no options, examples or exit codes of its own."""

BUG = 70
"""Exit code for an internal error (EX_SOFTWARE of sysexits.h)."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as in shells: 128 + SIGINT."""
_LONGEST_LINE = 2000
"""Maximum number of characters of a message; names in a file may have any length."""

_Resolved = tuple[str | None, click.Command | None, list[str]]
"""A verb, its command and the words after it; no verb while a shell completes the first word."""


class _Verbs(click.Group):
    """The verbs as commands; a verb is imported only to run it, so `--help` needs neither onnx nor rich."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        from rewriter.cli.parameters import command_of
        from rewriter.options.verbs import options_of_verb

        return command_of(cmd_name, options_of_verb(cmd_name))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> _Resolved:
        """Return the verb and its arguments; report an unknown word with the nearest verb."""
        if args[0] == _HELP:
            return self._page_of(ctx, args[1:])
        if not args[0].startswith("-"):
            demand_verb(args[0], _WORDS, ctx)
        name, command, words = super().resolve_command(ctx, args)
        if command is not None and name is not None:
            demand_once(command, click.Context(command, parent=ctx, info_name=name), words)
        return name, command, words

    def _page_of(self, ctx: click.Context, words: list[str]) -> _Resolved:
        """Return the verb of `help VERB`, with `--help`; for `help` alone, print the page of all verbs."""
        if ctx.resilient_parsing:  # a shell completes the verb
            return None, None, words
        verb = verb_of_help(words, _VERBS, ctx)
        if verb is None:
            click.echo(ctx.get_help())
            ctx.exit()
        return verb, self.get_command(ctx, verb), ["--help"]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete verbs and options without loading a verb."""
        verbs = [
            CompletionItem(verb, help=text) for verb, text in _WORDS.items() if verb.startswith(incomplete)
        ]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(_WORDS.items()))


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, parameter, asked: _show_versions(ctx) if asked else None,
    help="Show the versions of rewriter, Python and the packages that results depend on.",
)
@click.option("--debug", is_flag=True, help="Show a traceback if a verb fails.")
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=NUMBER",
    help="Set a limit on the files to read: bytes, entries, nodes, depth or paths; see docs/limits.md.",
)
@click.pass_context
def cli(ctx: click.Context, debug: bool, limits: tuple[str, ...]) -> None:
    """Give an exported ONNX model its module tree back.

    \b
      rewriter tree model.onnx
      rewriter rewrite model.onnx -o model.tree.onnx

    \b
    Exit codes: 0 done; 1 different; 2 usage; 3 unreadable or refused input; 4 below
    --min-coverage, or refusals under --strict; 5 not proved, or demanded numbers are
    missing; 70 internal error; 130 interrupted. With 1 and 5 nothing is written.
    """
    if limits:
        from rewriter.model.limits import parse, within

        ctx.with_resource(within(parse(limits)))


def _show_versions(ctx: click.Context) -> None:
    from rewriter.cli.versions import version_lines

    click.echo(version_lines())
    ctx.exit()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    with guarded():
        code = _run(words, debug="--debug" in words)
    sys.exit(code)


def _run(words: list[str], *, debug: bool) -> int:
    try:
        code = cli.main(words, prog_name="rewriter", standalone_mode=False)
        flush()
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", INTERRUPTED)
    except BaseException as error:  # no verb raises SystemExit, so nothing was reported yet
        # Python 3.11 puts an interrupt within `__set_name__`, while a module loads, into a RuntimeError.
        if isinstance(error.__cause__, KeyboardInterrupt):
            return _fail("interrupted", INTERRUPTED)
        if isinstance(error, SystemExit) and _completes():
            return int(error.code or 0)
        if debug and not isinstance(error, click.ClickException | SystemExit):
            raise
        return _report(error, asked=bool(words))
    return code if isinstance(code, int) else 0


def _completes() -> bool:
    """Whether a shell asks for completions; click then prints them and exits."""
    from rewriter.cli.show.completion import VARIABLE

    return VARIABLE in os.environ


def _report(error: BaseException, *, asked: bool) -> int:
    """Print the error in one line, and return its exit code."""
    if isinstance(error, click.ClickException):
        if asked:
            return _fail(one_line(error), error.exit_code)
        error.show()  # no arguments: click shows the help page
        return error.exit_code
    if isinstance(error, RewriterError):
        return _fail(str(error), error.exit_code)
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    return _fail(f"internal error: {what}; please report it with --debug", BUG)


def _fail(message: str, code: int) -> int:
    from rewriter.views.escape import shorten, visible

    click.echo(f"rewriter: {shorten(visible(message), _LONGEST_LINE)}", err=True)
    return code
