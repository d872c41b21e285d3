"""Each option is declared once: the command line, batch, Olive, Python and the docs agree with its field."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import rewriter
from docs import option_tables
from rewriter.adapters.options import PIPELINE_OPTIONS
from rewriter.basics.option_declaration import Option, options_of
from rewriter.batch.request import Request
from rewriter.cli import cli
from rewriter.options import verbs
from rewriter.options.groups import RewriteSteps
from rewriter.options.write import BatchOptions, RewriteOptions
from rewriter.passes.group import Group

VERBS = {verb: verbs.options_of_verb(verb) for verb in verbs.VERBS}
ROOT = Path(rewriter.__file__).parent
PYTHON: dict[str, Callable[..., Any]] = {
    "rewrite": rewriter.rewrite,
    "extract": rewriter.extract,
    "split": rewriter.split,
    "implant": rewriter.implant,
    "weights": rewriter.weights,
    "refit": rewriter.refit,
    "untap": rewriter.untap,
    "drop": rewriter.drop,
    "verify": rewriter.verify,
    "diff": rewriter.diff,
    "profile": rewriter.profile,
    "precision": rewriter.precision,
    "report": rewriter.report,
    "tree": rewriter.tree,
    "doctor": rewriter.doctor,
}


def command_of(verb: str) -> click.Command:
    assert isinstance(cli, click.Group)
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    return command


def declared() -> Iterator[Option]:
    for options in VERBS.values():
        yield from options_of(options)


def alike(one: Any, other: Any) -> bool:
    """Whether defaults are the same: none of several, an empty word and None are all nothing."""
    return one == other or (one in ((), [], "", None) and other in ((), [], "", None))


@pytest.mark.parametrize("verb", VERBS)
def test_the_command_line_has_what_is_declared(verb: str) -> None:
    parameters = {each.name: each for each in command_of(verb).params}
    options = {each.name: each for each in options_of(VERBS[verb])}
    assert parameters.keys() == options.keys()
    for name, option in options.items():
        parameter = parameters[name]
        if isinstance(parameter, click.Option):
            assert (parameter.opts[0], parameter.help) == (option.flag, option.help)
            assert parameter.secondary_opts == ([option.switch] if option.switch else [])
            assert option.help.endswith(".")
            assert bool(parameter.show_default) == option.shown
            default = option.said(option.default) if option.read else option.default
            assert parameter.default == default or not option.shown


@pytest.mark.parametrize("verb", VERBS)
def test_no_two_options_of_a_verb_share_a_word(verb: str) -> None:
    words = Counter(word for each in options_of(VERBS[verb]) for word in (each.flag, each.short) if word)
    assert [word for word, times in words.items() if times > 1] == []


def test_what_is_not_typed_is_left_to_the_dataclass() -> None:
    context = command_of("rewrite").make_context("rewrite", ["m.onnx"])
    typed = {name: value for name, value in context.params.items() if value not in (None, ())}
    made = RewriteOptions(**typed)
    assert made == RewriteOptions(model=Path("m.onnx"))
    assert (made.numbers, made.sidecar, made.timeout, made.only) == (None, "compact", 600.0, ())


def texts_of(tree: ast.AST) -> Iterator[str]:
    """The strings of a file, but for docstrings; pieces that are written side by side are one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_no_text_of_an_option_stands_twice() -> None:
    texts = Counter(
        text for path in ROOT.rglob("*.py") for text in texts_of(ast.parse(path.read_text("utf-8")))
    )
    helps = {option.help for option in declared() if option.help}
    assert {text for text in helps if texts[text] > 1} == set()
    made = [path.name for path in ROOT.rglob("*.py") if "click.option(" in path.read_text("utf-8")]
    assert made == ["__init__.py"], "options of verbs are made in cli/parameters.py alone"


def test_a_request_of_a_batch_has_what_is_declared() -> None:
    options = {each.name: each for each in options_of(BatchOptions)}
    fields = {each.name: each for each in dataclasses.fields(Request)}
    shared = options.keys() & fields.keys() - {"passes"}  # text on the command line, passes in a request
    assert len(shared) > 12
    assert {name for name in shared if fields[name].default != options[name].default} == set()
    own = {"passes", "children", "files", "narrow", "seal", "copy_data"}
    assert fields.keys() - options.keys() <= own
    request = Request(passes="annotate", like="m.onnx", inputs="x.npz")
    json.dumps(dataclasses.asdict(request))
    assert request.sealed().seal != Request(passes="annotate", like="other.onnx").sealed().seal


@pytest.mark.parametrize("verb", PYTHON)
def test_python_has_the_same_defaults(verb: str) -> None:
    options = {each.name: each for each in options_of(VERBS[verb])}
    parameters = inspect.signature(PYTHON[verb]).parameters
    shared = [name for name in parameters if name in options and not options[name].required]
    assert shared
    for name in shared:
        assert alike(parameters[name].default, options[name].default), name


def test_pipelines_have_every_keyword_but_where_models_go() -> None:
    names = {each.name for each in PIPELINE_OPTIONS}
    left = set(inspect.signature(rewriter.rewrite).parameters) - names
    assert left == {"source", "output", "sidecar", "copy_data", "dry_run"}


def test_olive_has_what_is_declared() -> None:
    pytest.importorskip("olive", reason="Olive is not installed: pip install 'onnx-module-rewriter[olive]'")
    from olive.hardware import DEFAULT_CPU_ACCELERATOR

    from rewriter.adapters.olive import OnnxModuleTree

    found = OnnxModuleTree._default_config(DEFAULT_CPU_ACCELERATOR)
    assert list(found) == [each.name for each in PIPELINE_OPTIONS]
    for each in PIPELINE_OPTIONS:
        assert found[each.name].description == each.help
        assert alike(found[each.name].default_value, each.default)


def test_the_pass_that_groups_has_the_options_of_a_rewrite() -> None:
    steps = {each.name: each for each in options_of(RewriteSteps)}
    for option in options_of(Group):
        assert option.help == steps[option.name].help
        assert option.default == steps[option.name].default
    assert {each.name for each in options_of(Group)} == steps.keys() - {
        *("restore_names", "layer_annotations", "foreign", "functions", "passes")
    }


@pytest.mark.parametrize(
    ("page", "text"), [*option_tables.pages()], ids=lambda each: getattr(each, "name", "")
)
def test_tables_of_the_docs_are_those_of_now(page: Path, text: str) -> None:
    assert page.read_text("utf-8") == text, "python -m docs.option_tables writes it anew"


def test_help_loads_nothing_that_takes_time() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom rewriter.cli import cli\n"
        f"for verb in {[*VERBS]}:\n    assert CliRunner().invoke(cli, [verb, '--help']).exit_code == 0\n"
        "print(sorted({'onnx', 'numpy', 'onnxruntime', 'rich'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
