"""The verbs that look at a model, each as a dataclass of its options; the docstring is the help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.declaration import Verb, argument, option
from rewriter.modules.selection import Selection
from rewriter.options.groups import PATTERNS, Config, Document, Pairs, Printing, SideInputs, Sizes
from rewriter.options.words import (
    FORMS,
    LINES,
    MEASURES,
    ORT_LAYERS,
    Measure,
    What,
)
from rewriter.runtime.limits import Limits


@dataclass(frozen=True, kw_only=True)
class Tree(Verb, Selection, SideInputs, Config, Printing):
    """Show the module tree of MODEL: paths, classes, nodes, parameters and shares.

    \b
      rewriter tree bert.onnx --depth 3
      rewriter tree bert.onnx --only 'encoder.layer.*.attention'
      rewriter tree bert.onnx --reference config.json --checkpoint model.safetensors
      rewriter tree bert.quantised.onnx --like bert.onnx
      rewriter tree bert.onnx --compare-sources --truth bert.modules.json
      rewriter tree bert.onnx --json | jq '.modules[] | select(.leaf)'
    """

    model: Path = argument()
    compare_sources: bool = option(
        False, "Show what each witness says by itself, how far they agree, and how long each took."
    )
    truth: Path | None = option(
        None,
        "With --compare-sources: a sidecar, or JSON of node names and modules, to be judged by.",
        metavar="FILE",
    )


@dataclass(frozen=True, kw_only=True)
class Explain(Verb, SideInputs, Config, Printing):
    """Show every claim on NODE of MODEL, and why the winner won.

    NODE is the name of a node, or of a value that it writes.

    \b
      rewriter explain bert.onnx /encoder/layer.0/attention/self/MatMul
      rewriter explain bert.quantised.onnx /encoder/layer.0/attention/self/MatMul --like bert.onnx
    """

    model: Path = argument()
    node: str = argument(completes="nodes")


@dataclass(frozen=True, kw_only=True)
class Stats(
    Verb,
    Selection,
    Sizes,
    Limits,
    SideInputs,
    Printing,
    omit=("threads",),
    arguments=PATTERNS,
):
    """Show the numbers behind the module tree of MODEL: operators, parameters, shapes and FLOPs.

    PATTERNS and the other choices name the modules to list; the numbers above the list are the model's.

    \b
      rewriter stats bert.onnx --depth 3
      rewriter stats bert.onnx 'encoder.layer.0.**' --dim batch=1 --dim sequence=128
      rewriter stats bert.onnx --json | jq '.modules[] | {path, flops}'
    """

    model: Path = argument()


@dataclass(frozen=True, kw_only=True)
class Select(Verb, Selection, SideInputs, Printing, arguments=PATTERNS):
    """Print the names that modules of MODEL have in the file, in the form another tool takes.

    PATTERNS are globs over module paths; a module stands for all that is below it.

    \b
      rewriter select bert.onnx 'encoder.layer.[0-3].attention*' --op MatMul
      rewriter select bert.onnx pooler --format ort-quant
      rewriter select bert.onnx '**.attention' --what initializers --json
      rewriter select bert.onnx --class LayerNorm --format trt --precision fp32
      rewriter select bert.onnx 'encoder.layer.[0-5]=cpu' 'encoder.*=gpu' --format ort-layers
    """

    model: Path = argument()
    what: str = option(
        What.NODES.value,
        "Names of what: of the nodes, of the values they write, of the weights they read.",
        choices=tuple(each.value for each in What),
        shown=True,
    )
    form: str = option(
        LINES,
        "For people, programs, onnxruntime's quantiser, trtexec, NNCF, or onnxruntime's device placement.",
        flag="--format",
        choices=(*FORMS, ORT_LAYERS),
        shown=True,
    )
    precision: str = option(
        "fp16", "What --format trt asks for.", choices=("fp32", "fp16", "bf16", "int32", "int8"), shown=True
    )


@dataclass(frozen=True, kw_only=True)
class Export(Verb, Selection, Document, Sizes, Limits, SideInputs, omit=("threads",), arguments=PATTERNS):
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
    form: str = option(
        "",
        "For which viewer.",
        flag="--format",
        choices=("model-explorer", "speedscope", "dot", "csv"),
        required=True,
    )
    weight: str | None = option(
        None,
        "What sizes are: one for model-explorer (parameters), all for speedscope where left out.",
        choices=tuple(each.value for each in Measure),
    )


@dataclass(frozen=True, kw_only=True)
class Report(Verb, Document, Pairs, Sizes, Limits, SideInputs, omit=("shapes",)):
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
class Doctor(Verb, Printing):
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
class Passes(Verb, Printing):
    """List the passes that `rewrite --passes` runs, with their options and defaults.

    Those of other packages come last, with the package that they are from; see docs/writing-a-pass.md. One
    that cannot be loaded is named on stderr.

    \b
      rewriter rewrite bert.onnx -o bert.layers.onnx -p 'annotate,unshare,group{depth=2},share'
    """


@dataclass(frozen=True, kw_only=True)
class Completion(Verb):
    """Print the script by which SHELL completes verbs, options, passes, and modules of a model.

    bash: put the first command below into ~/.bashrc. zsh: the same with zsh into ~/.zshrc, behind compinit.
    fish: write it to ~/.config/fish/completions/rewriter.fish.

    \b
      rewriter completion bash > ~/.rewriter-completion.bash && . ~/.rewriter-completion.bash
      rewriter completion zsh > ~/.rewriter-completion.zsh
      rewriter completion fish > ~/.config/fish/completions/rewriter.fish
    """

    shell: str = argument(choices=("bash", "zsh", "fish"))
