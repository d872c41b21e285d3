"""Options of the verbs that write a model: one dataclass per verb; its docstring is the help page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.basics.option_declaration import Verb, argument, option
from rewriter.options.groups import (
    CopyData,
    Output,
    Printing,
    Proof,
    RewriteSteps,
    Rewriting,
)
from rewriter.options.words import ENGINES
from rewriter.runtime.child_limits import ChildLimits


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
    output: Path | None = option(None, "The file to write; required unless --dry-run.", short="-o")


@dataclass(frozen=True, kw_only=True)
class CarryOptions(RewriteOptions, omit=("like", "shapes")):
    """Write the tree of ORIGINAL into a copy of MODEL, and prove that nothing else changed.

    Another tool made MODEL from ORIGINAL. ORIGINAL is a model, or its sidecar (.modules.json). The command is
    short for `rewriter rewrite MODEL --like ORIGINAL -o OUTPUT`.

    \b
      rewriter carry bert.tree.modules.json bert.int8.onnx -o bert.int8.tree.onnx
      rewriter carry bert.onnx bert.fused.onnx -o bert.fused.tree.onnx --min-coverage 90
    """

    original: Path = argument()


@dataclass(frozen=True, kw_only=True)
class BatchOptions(Verb, RewriteSteps, Rewriting, ChildLimits, Printing, omit=("copy_data", "shapes")):
    """Rewrite many files: each is written, proved and recorded separately, as by 'rewriter rewrite'.

    SRC is a file, a folder, a glob in quotes, or a URL of one (s3://, gs://, hf://, http:// ...); URLs need
    fsspec and its package for the protocol. DST mirrors the folders of the sources, external data included.

    To continue after an interrupt, or to add files, run the command again. It skips files that the ledger
    records as finished, if contents, options and version are the same and the outputs are unchanged. Several
    runs may share DST. If a process dies, its file is tried once more after all others.

    The exit code is that of the worst file; from best to worst: 0, 4, 2, 3, 5, 1, 70.

    \b
      rewriter batch models -o models.tree
      rewriter batch 'models/**/model.onnx' -o trees --restore-names --results trees.csv
      rewriter batch models -o models.mirror --also '*.json'
      rewriter batch models -o models.shared --functions shared --jobs 1 --json
    """

    sources: tuple[str, ...] = argument(metavar="SRC...")
    output: str = option("", "The folder to write to, or its URL.", short="-o", metavar="DST", required=True)
    engine: str = option("local", f"The engine that runs the work: {ENGINES}.", metavar="NAME", shown=True)
    jobs: int | None = option(None, "Processes of the local engine; one per core if not given.", least=1)
    file_timeout: float | None = option(
        None,
        "Time limit for one file, in seconds; the process that rewrites it is killed at the limit.",
        above=0,
    )
    ledger: Path | None = option(
        None, "The file of the records; rewriter-batch.jsonl in DST if not given.", metavar="FILE"
    )
    retry: bool = option(False, "Process files again that failed for good, such as unreadable ones.")
    also: tuple[str, ...] = option(
        (),
        "Also copy the files of source folders that match, such as '*.json'; may be given again.",
        metavar="GLOB",
    )
    results: Path | None = option(
        None, "Also write the results as a table: .csv, or .parquet with pyarrow.", metavar="FILE"
    )


@dataclass(frozen=True, kw_only=True)
class FlattenOptions(Verb, Output, Proof, ChildLimits, CopyData, Printing, omit=("shapes",)):
    """Undo `rewrite --functions`: restore names, order and metadata of the nodes.

    Functions of other tools are kept, unless --foreign. If a function was edited after the rewrite, the nodes
    of each call are named after that call.

    \b
      rewriter flatten bert.calls.onnx -o bert.flat.onnx
    """

    model: Path = argument()
    foreign: bool = option(False, "Also inline functions that other tools made.")
