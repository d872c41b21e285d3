"""The verbs that write a model, each as a dataclass of its options; the docstring is the help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.declaration import Verb, argument, option
from rewriter.options.groups import (
    CopyData,
    Output,
    Printing,
    Proof,
    RewriteSteps,
    Rewriting,
)
from rewriter.options.words import ENGINES
from rewriter.runtime.limits import ChildLimits


@dataclass(frozen=True, kw_only=True)
class RewriteOptions(Verb, RewriteSteps, Rewriting, ChildLimits, Printing, omit=("shapes",)):
    """Write the module tree of MODEL into a copy of it, and prove that nothing else changed.

    \b
      rewriter rewrite bert.onnx -o bert.tree.onnx
      rewriter rewrite bert.onnx -o bert.tree.onnx --restore-names --min-coverage 95
      rewriter rewrite bert.onnx -o bert.functions.onnx --functions shared
      rewriter rewrite bert.onnx -o bert.calls.onnx --functions call --class BertLayer
      rewriter rewrite bert.onnx -o bert.layers.onnx -p 'annotate,unshare,group{depth=2},share'
      rewriter rewrite bert.fused.onnx -o bert.tree.onnx --like bert.onnx
      rewriter rewrite bert.onnx --dry-run --json
    """

    model: Path = argument()
    output: Path | None = option(None, "The file to write; needed unless --dry-run.", short="-o")


@dataclass(frozen=True, kw_only=True)
class CarryOptions(RewriteOptions, omit=("like", "shapes")):
    """Write the tree of ORIGINAL into MODEL, which another tool made of it, and prove nothing else changed.

    ORIGINAL is the model before the other tool, or the sidecar (.modules.json) that was written with it.
    The short form of `rewriter rewrite MODEL --like ORIGINAL -o OUTPUT`.

    \b
      rewriter carry bert.tree.modules.json bert.int8.onnx -o bert.int8.tree.onnx
      rewriter carry bert.onnx bert.fused.onnx -o bert.fused.tree.onnx --min-coverage 95
    """

    original: Path = argument()


@dataclass(frozen=True, kw_only=True)
class BatchOptions(Verb, RewriteSteps, Rewriting, ChildLimits, Printing, omit=("copy_data", "shapes")):
    """Rewrite many files: each is written, proved and recorded by itself, as 'rewriter rewrite' does it.

    SRC is a file, a folder, a glob in quotes, or a URL of these (s3://, gs://, hf://, http:// ...: fsspec and
    its package for that are needed). DST mirrors their tree, external data included.

    Run it again to go on after an interrupt, or with more files: what the ledger tells as done is left alone,
    as long as contents, options and version are the same and the outputs are there. Several runs may share
    DST. A file whose process dies is tried once more when all others are through.

    Leaves with the exit code of the worst file; from the best to the worst: 0, 4, 2, 3, 5, 1, 70.

    \b
      rewriter batch models -o models.tree
      rewriter batch 'models/**/model.onnx' -o trees --restore-names --results trees.csv
      rewriter batch models -o models.mirror --also '*.json'
      rewriter batch models -o models.shared --functions shared --jobs 1 --json
    """

    sources: tuple[str, ...] = argument(metavar="SRC...")
    output: str = option("", "The folder to write to, or its URL.", short="-o", metavar="DST", required=True)
    engine: str = option("local", f"Who does the work: {ENGINES}.", metavar="NAME", shown=True)
    jobs: int | None = option(None, "Processes of the local engine; one for every core.", least=1)
    ledger: Path | None = option(None, "Where records are kept; rewriter-batch.jsonl in DST.", metavar="FILE")
    retry: bool = option(False, "Do files again that failed for good, such as unreadable ones.")
    also: tuple[str, ...] = option(
        (),
        "Copy files of source folders that fit, such as '*.json', as well; may be given again.",
        metavar="GLOB",
    )
    results: Path | None = option(None, "Write a table too: .csv, or .parquet by pyarrow.", metavar="FILE")


@dataclass(frozen=True, kw_only=True)
class FlattenOptions(Verb, Output, Proof, ChildLimits, CopyData, Printing, omit=("shapes",)):
    """Undo `rewrite --functions`: names, order and metadata of the nodes come back.

    Functions that other tools made are kept unless you ask. Where somebody edited a function since, the nodes
    of its calls are named after their call.

    \b
      rewriter flatten bert.calls.onnx -o bert.flat.onnx
    """

    model: Path = argument()
    foreign: bool = option(False, "Enter functions that other tools made as well.")
