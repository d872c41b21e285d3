"""Options of export, report, doctor, passes, completion: one dataclass per verb, with its help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.literals import ViewerWord, WeightWord
from rewriter.basics.option_declaration import Verb, argument, option
from rewriter.modules.selection import Selection
from rewriter.options.groups import (
    PATTERNS,
    Document,
    Pairs,
    Printing,
    SideInputs,
    Sizes,
)
from rewriter.options.words import MEASURES
from rewriter.runtime.child_limits import ChildLimits


@dataclass(frozen=True, kw_only=True)
class ExportOptions(
    Verb, Selection, Document, Sizes, ChildLimits, SideInputs, omit=("threads",), arguments=PATTERNS
):
    """Write the module tree of MODEL and its figures for another viewer.

    PATTERNS and options such as --class choose the modules to show. In dot and speedscope a module that is
    not shown counts for the nearest shown module above it. For model-explorer they have no effect: it gets
    the figures of all placed nodes of the main graph, as far as they are known.

    \b
      rewriter export bert.onnx --format model-explorer --weight flops -o bert.flops.json
      rewriter export bert.onnx --format speedscope -o bert.speedscope.json
      rewriter export bert.onnx --format dot --depth 4 | dot -Tsvg -o bert.svg
      rewriter export bert.onnx --format csv -o bert.csv
    """

    model: Path = argument()
    form: ViewerWord = option(
        None,
        "The viewer to write for.",
        flag="--format",
        required=True,
    )
    weight: WeightWord | None = option(
        None,
        "The figure that sizes show; by default parameters in model-explorer, all figures in speedscope.",
    )


@dataclass(frozen=True, kw_only=True)
class ReportOptions(Verb, Document, Pairs, Sizes, ChildLimits, SideInputs, omit=("shapes",)):
    """Write a page that shows MODEL: its tree, figures and evidence, and the differences to OTHER.

    The page is one HTML file. It needs no server and loads no other file. Without -o it is written to
    NAME.html in the current folder if stdout is a terminal, and else to stdout.

    \b
      rewriter report bert.onnx -o report.html
      rewriter report bert.tree.onnx --verify bert.onnx --profile -o report.html
      rewriter report bert.onnx bert.int8.onnx -o report.html
      rewriter report bert.onnx --svg --by nodes -o bert.svg
    """

    model: Path = argument()
    other: Path | None = argument(None)
    svg: bool = option(False, "Draw the icicle alone, as SVG.")
    open: bool = option(False, "Open the written file in the browser.")
    by: str = option(
        "",
        "The figure that sizes show at first; by default time if it is measured, else parameters, if "
        "there are any.",
        choices=MEASURES,
    )
    original: Path | None = option(
        None, "Compare MODEL with the model that it was made from.", flag="--verify", metavar="ORIGINAL"
    )
    profile: bool = option(False, "Run MODEL and show the time of each module.")
    recorded: Path | None = option(
        None,
        "Show the times of a profile that onnxruntime recorded of MODEL.",
        flag="--profile-from",
        metavar="FILE",
    )


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(Verb, Printing):
    """Warn of what other tools do to the functions, tree and fields of MODEL, and of limits on its size.

    Each warning was verified by running the tool, in the versions that are printed with it. doctor itself
    runs no tool and reads no weights.

    \b
      rewriter doctor bert.onnx
      rewriter doctor bert.onnx --tool onnxslim --tool 'onnxruntime*' --strict
      rewriter doctor bert.onnx bert.tree.onnx --json | jq '.findings[] | {tool, effect}'
    """

    models: tuple[Path, ...] = argument(metavar="MODEL...")
    tools: tuple[str, ...] = option(
        (),
        "Warn only of these tools, such as onnxslim or 'onnxruntime*'; may be given again.",
        flag="--tool",
        metavar="GLOB",
        completes="tools",
    )
    strict: bool = option(False, "Exit with 4 if there is a warning.")


@dataclass(frozen=True, kw_only=True)
class PassesOptions(Verb, Printing):
    """List the passes that `rewrite --passes` runs, with their options and defaults.

    Passes of other packages come last, with the names of their packages; see docs/writing-a-pass.md. A pass
    that cannot be loaded is named on stderr.

    \b
      rewriter rewrite bert.onnx -o bert.layers.onnx -p 'annotate,unshare,group{depth=2},share'
    """


@dataclass(frozen=True, kw_only=True)
class CompletionOptions(Verb):
    """Print the script that completes verbs, options, passes, and modules of a model in SHELL.

    bash: add the first command below to ~/.bashrc. zsh: run the second command, and source the file in
    ~/.zshrc after compinit. fish: run the third command.

    \b
      rewriter completion bash > ~/.rewriter-completion.bash && . ~/.rewriter-completion.bash
      rewriter completion zsh > ~/.rewriter-completion.zsh
      rewriter completion fish > ~/.config/fish/completions/rewriter.fish
    """

    shell: str = argument(choices=("bash", "zsh", "fish"))
