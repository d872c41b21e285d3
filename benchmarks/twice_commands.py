"""Commands that `benchmarks.twice` runs on a file: every verb with its main options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

Words = tuple[str, ...]

TURNS = 4
"""Number of turns: a line that begins with digits is only for the files of these turns."""
REWRITES = """
rewrite m.onnx -o plain.onnx
rewrite m.onnx -o named.onnx --restore-names --layer-annotations
rewrite m.onnx -o call.onnx --functions call
rewrite m.onnx -o shared.onnx --functions shared --restore-names --no-numbers --json
0: rewrite m.onnx -o repeated.onnx --functions shared --repeated --no-numbers
1: rewrite m.onnx -o layers.onnx --functions call --only MODULE --no-numbers
2: rewrite m.onnx -o passes.onnx --passes PASSES --no-numbers --json
3: rewrite m.onnx -o deep.onnx --functions shared --depth 2
"""
"""Commands whose outputs are rewritten once more, with the same options."""
MADE = """
012: flatten call.onnx -o flat.onnx --no-numbers
3: flatten shared.onnx -o flat_shared.onnx --json
carry plain.modules.json m.onnx -o carried.onnx
0: carry m.onnx named.onnx -o carried_named.onnx --functions call --no-numbers --json
12: carry m.onnx fused.onnx -o carried_fused.onnx --no-numbers
3: carry m.onnx fused.onnx -o carried_shared.onnx --functions shared --force --no-numbers
012: extract m.onnx MODULE -o piece.onnx --no-numbers --json
3: extract m.onnx MODULE -o piece.onnx
1: extract call.onnx MODULE -o piece_of_call.onnx --no-numbers
012: split m.onnx --at CUT -o parts --no-numbers --json --copy-data
3: split m.onnx --at CUT -o parts --copy-data
2: split shared.onnx --at CUT -o parts_of_shared --no-numbers --copy-data
0: report m.onnx -o page.html
1: report call.onnx --verify m.onnx --no-numbers -o verified.html
2: report m.onnx named.onnx --no-numbers -o differences.html
3: report m.onnx --profile-from profile.json -o times.html
2: report m.onnx --svg --by nodes -o icicle.svg
export m.onnx --format model-explorer -o explorer.json
1: export call.onnx --format model-explorer --weight nodes -o explorer_call.json
2: export m.onnx --format speedscope -o speedscope.json
export m.onnx --format dot --depth 4 -o tree.dot
3: export m.onnx --format csv -o modules.csv
"""
READ = """
tree m.onnx
tree m.onnx --json
0: tree m.onnx --depth 2
1: tree m.onnx --only MODULE
2: tree m.onnx --compare-sources
3: tree m.onnx --compare-sources --json
tree shared.onnx --json
0: tree named.onnx --like m.onnx --json
0: tree fused.onnx --like m.onnx --json
1: tree m.onnx --reference plain.modules.json --json
02: stats m.onnx DIMS --json
1: stats m.onnx DIMS
3: stats call.onnx --json
explain m.onnx NODE
explain m.onnx LAST --json
3: explain named.onnx NODE --like m.onnx
select m.onnx MODULE
select m.onnx --op MatMul --what values --json
1: select m.onnx MODULE --what initializers --format python
select m.onnx MODULE --format ort-quant
2: select m.onnx MODULE --format nncf
3: select m.onnx MODULE --format trt
0: select named.onnx MODULE=cpu --format ort-layers
doctor m.onnx
doctor call.onnx shared.onnx --json
0: diff m.onnx named.onnx
1: diff m.onnx shared.onnx --no-numbers --all
2: diff m.onnx call.onnx --no-numbers --json
3: diff m.onnx piece.onnx --no-numbers --json
1: diff m.onnx fused.onnx --no-numbers --json
012: verify m.onnx shared.onnx --no-numbers
3: verify m.onnx call.onnx --numbers --json
2: verify m.onnx piece.onnx --no-numbers
013: profile m.onnx --from profile.json
2: profile m.onnx --from profile.json --json
1: profile m.onnx --rounds 1 --warmup 0 --threads 1 --json
0: explain m.onnx no-such-node
1: select m.onnx no.such.module
2: rewrite m.onnx --dry-run --json
3: rewrite m.onnx --passes grop -o never.onnx
"""
PASSES = "annotate,restore_names,unshare,group{depth=2},share{lift=true},layer_annotations"
FOR_ALL = """
passes
passes --json
completion bash
completion zsh
completion fish
batch models -o plain --jobs 1
batch models -o shared --jobs 1 --functions shared --restore-names --no-numbers --json
"""
"""Commands that need no file, or all files."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Subjects of the commands on one file.

    Attributes:
        module: the largest module with nodes, except the root.
        cut: a module with other modules before it.
        node: a node in the middle.
        last: the last node.
        dims: `--dim NAME=3` for every symbolic dimension of an input.
    """

    module: str
    cut: str
    node: str
    last: str
    dims: Words

    def commands(self, text: str, turn: int | None) -> list[Words]:
        """Return the commands of a text for this file.

        Args:
            text: a command on each line.
            turn: the turn of the file; None for the commands of all turns.
        """
        found = []
        for line in text.strip().splitlines():
            turns, colon, command = line.partition(": ")
            if not colon or turn is None or str(turn) in turns:
                found.append(self._words(command if colon else line))
        return found

    def _words(self, line: str) -> Words:
        named = {
            "MODULE": self.module,
            "CUT": self.cut,
            "NODE": self.node,
            "LAST": self.last,
            "PASSES": PASSES,
        }
        words: list[str] = []
        for word in line.split():
            head, equals, rest = word.partition("=")
            if word == "DIMS":
                words += self.dims
            else:
                words.append(f"{named[head]}{equals}{rest}" if head in named else word)
        return tuple(words)


def subject_of(path: Path, tree: dict[str, Any]) -> Subject:
    """Choose the subjects of the commands on a file, from its tree as JSON."""
    graph = onnx.load(path).graph
    modules = tree["modules"]
    sizes = {each["path"]: each["nodes"]["total"] for each in modules}
    parts = [each for each in sizes if each and 0 < sizes[each] < sizes[""]]
    names = [node.name or next(filter(None, node.output)) for node in graph.node] or ["none"]
    unknown = {
        dim.dim_param for info in graph.input for dim in info.type.tensor_type.shape.dim if dim.dim_param
    }
    return Subject(
        module=max(parts, key=sizes.__getitem__, default="none"),
        cut=parts[-1] if parts else "none",
        node=names[len(names) // 2],
        last=names[-1],
        dims=tuple(word for name in sorted(unknown) for word in ("--dim", f"{name}=3")),
    )
