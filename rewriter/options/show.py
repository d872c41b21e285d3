"""The verbs that show a model elsewhere, each a dataclass of its options; the docstring is its help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.declaration import Verb, argument, option
from rewriter.basics.literals import ViewerWord, WeightWord
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
from rewriter.runtime.limits import ChildLimits


@dataclass(frozen=True, kw_only=True)
class ExportOptions(
    Verb, Selection, Document, Sizes, ChildLimits, SideInputs, omit=("threads",), arguments=PATTERNS
):
    """Write the module tree of MODEL and its figures for another viewer.

    PATTERNS and the other choices name the modules to show; what is inside others counts as part of the
    module above that is shown.

    \b
      rewriter export bert.onnx --format model-explorer --weight flops -o bert.flops.json
      rewriter export bert.onnx --format speedscope -o bert.speedscope.json
      rewriter export bert.onnx --format dot --depth 4 | dot -Tsvg -o bert.svg
      rewriter export bert.onnx --format csv -o bert.csv
    """

    model: Path = argument()
    form: ViewerWord = option(
        None,
        "For which viewer.",
        flag="--format",
        required=True,
    )
    weight: WeightWord | None = option(
        None,
        "What sizes are: one for model-explorer (parameters), all for speedscope where left out.",
    )


@dataclass(frozen=True, kw_only=True)
class ReportOptions(Verb, Document, Pairs, Sizes, ChildLimits, SideInputs, omit=("shapes",)):
    """Write one page that shows MODEL: its tree, figures, evidence, and how OTHER differs.

    The page is one file of HTML: it fetches nothing, and needs no server.

    \b
      rewriter report bert.onnx -o report.html
      rewriter report bert.tree.onnx --verify bert.onnx --profile -o report.html
      rewriter report bert.onnx bert.int8.onnx -o report.html
      rewriter report bert.onnx --svg --by nodes -o bert.svg
    """

    model: Path = argument()
    other: Path | None = argument(None)
    svg: bool = option(False, "Draw the icicle alone, as SVG.")
    by: str = option("", "What sizes are at first; parameters where there are any.", choices=MEASURES)
    original: Path | None = option(
        None, "Compare MODEL with what it was made of.", flag="--verify", metavar="ORIGINAL"
    )
    profile: bool = option(False, "Run MODEL and show where the time goes.")
    recorded: Path | None = option(
        None,
        "Show the time of a profile that onnxruntime took of MODEL.",
        flag="--profile-from",
        metavar="FILE",
    )


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(Verb, Printing):
    """Warn of what other tools will do with MODEL: with its functions, its tree, its fields and its size.

    Each warning was shown true by running the tool; the versions stand beside it. Nothing is run here, and no
    weight is read.

    \b
      rewriter doctor bert.onnx
      rewriter doctor bert.onnx --tool onnxslim --tool 'onnxruntime*' --strict
      rewriter doctor bert.onnx bert.tree.onnx --json | jq '.findings[] | {tool, effect}'
    """

    models: tuple[Path, ...] = argument(metavar="MODEL...")
    tools: tuple[str, ...] = option(
        (),
        "The tools that the file will meet, such as onnxslim or 'onnxruntime*'; may be given again.",
        flag="--tool",
        metavar="GLOB",
        completes="tools",
    )
    strict: bool = option(False, "Leave with 4 where there is a warning.")


@dataclass(frozen=True, kw_only=True)
class PassesOptions(Verb, Printing):
    """List the passes that `rewrite --passes` runs, with their options and defaults.

    Those of other packages come last, with the package that they are from; see docs/writing-a-pass.md. One
    that cannot be loaded is named on stderr.

    \b
      rewriter rewrite bert.onnx -o bert.layers.onnx -p 'annotate,unshare,group{depth=2},share'
    """


@dataclass(frozen=True, kw_only=True)
class CompletionOptions(Verb):
    """Print the script by which SHELL completes verbs, options, passes, and modules of a model.

    bash: put the first command below into ~/.bashrc. zsh: the same with zsh into ~/.zshrc, behind compinit.
    fish: write it to ~/.config/fish/completions/rewriter.fish.

    \b
      rewriter completion bash > ~/.rewriter-completion.bash && . ~/.rewriter-completion.bash
      rewriter completion zsh > ~/.rewriter-completion.zsh
      rewriter completion fish > ~/.config/fish/completions/rewriter.fish
    """

    shell: str = argument(choices=("bash", "zsh", "fish"))
