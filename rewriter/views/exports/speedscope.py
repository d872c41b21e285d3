"""Writes weights of modules as a profile for speedscope; the stack of a module is its module path.

The format is a sampled profile of `src/lib/file-format-spec.ts` in speedscope's repository.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rewriter.insight.drawn_sizes import Weighing
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath
from rewriter.version import __version__

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def speedscope(
    analysis: Analysis, weighings: Sequence[Weighing], home: Mapping[ModulePath, ModulePath]
) -> str:
    """Return a file with one profile per weighing, modules in tree order.

    Args:
        analysis: the model.
        weighings: the weights; a module of weight 0 gets no stack of its own.
        home: module -> the module that shows it (see `with_ancestors`).
    """
    tree = analysis.tree
    frames: dict[ModulePath, int] = {}
    for module in tree:
        if home[module.path] == module.path:
            frames[module.path] = len(frames)
    document = {
        "$schema": _SCHEMA,
        "exporter": f"onnx-module-rewriter {__version__}",
        "name": analysis.path.name if analysis.path else "model",
        "activeProfileIndex": 0,
        "shared": {"frames": [{"name": _frame(tree[path].plain_class, path)} for path in frames]},
        "profiles": [_profile(weighing, frames, home) for weighing in weighings],
    }
    return json.dumps(document, indent=1)


def _frame(class_name: str | None, path: ModulePath) -> str:
    return f"{path or '(root)'} ({class_name})" if class_name else path or "(root)"


def _profile(
    weighing: Weighing, frames: Mapping[ModulePath, int], home: Mapping[ModulePath, ModulePath]
) -> dict[str, object]:
    lifted = dict.fromkeys(frames, 0.0)
    for path, weight in weighing.own.items():
        lifted[home[path]] += weight
    shown = {path: weight for path, weight in lifted.items() if weight}
    samples = [[frames[above] for above in (*reversed(tuple(path.ancestors())), path)] for path in shown]
    weights = [int(weight) if weight == int(weight) else weight for weight in shown.values()]
    return {
        "type": "sampled",
        "name": weighing.name,
        "unit": weighing.unit,
        "startValue": 0,
        "endValue": sum(weights),
        "samples": samples,
        "weights": weights,
    }
