"""Every node of every fixture stands where torch ran it, but for those that nothing in the file tells."""

from __future__ import annotations

from pathlib import Path

from rewriter import pipeline
from rewriter.evidence.claims import Holds
from tests.exports import FILES, each_file, truth_of

BORROWED = """a module without parameters that belongs to another module: the chain of names reads exactly as
if it were the caller's own"""
HIDDEN = """a module without parameters in a ModuleDict, which is never called and so leaves no trace"""
INLINED = """a scripted container writes its own scope for what its children do"""

UNDECIDABLE: dict[str, tuple[str, dict[str, str | None]]] = {
    "called_from_elsewhere-ts": (
        BORROWED,
        {
            "/layers.0/act/Sigmoid": "layers.0.act",
            "/layers.0/act/Mul": "layers.0.act",
            "/layers.1/act/Sigmoid": "layers.1.act",
            "/layers.1/act/Mul": "layers.1.act",
        },
    ),
    "module_dict-ts": (HIDDEN, {"/gelu/Gelu": "gelu", "/relu/Relu": "relu"}),
    "scripted_calls-ts": (INLINED, {"/seq/Gemm": "seq", "/seq/Tanh": "seq", "/seq/Gemm_1": "seq"}),
}
"""File -> why, and node -> the module it is placed in instead; None where it is left unplaced."""

for _name in ("called_from_elsewhere", "module_dict", "scripted_calls"):
    UNDECIDABLE[f"{_name}-ts_dyn"] = UNDECIDABLE[f"{_name}-ts"]


@each_file
def test_placements_are_true(path: Path) -> None:
    analysis = pipeline.load(path)
    found = {
        node.name: place.module if place else None
        for node, place in zip(analysis.graph.nodes, analysis.tree.placements, strict=True)
    }
    truth = truth_of(path.parent)["files"][path.stem]["nodes"]
    wrong = {name: found[name] for name, (module, *_) in truth.items() if found[name] != module}
    _, allowed = UNDECIDABLE.get(f"{path.parent.name}-{path.stem}", ("", {}))
    assert wrong == allowed


@each_file
def test_classes_are_never_wrong(path: Path) -> None:
    modules = truth_of(path.parent)["modules"]
    classes = {name: m["class"] for m in modules for name in (m["path"], *m.get("aliases", ()))}
    for module in pipeline.load(path).tree:
        if module.class_name is not None:
            assert module.class_name == classes[module.path]


@each_file
def test_parameters_hold_what_they_are_named_after(path: Path) -> None:
    truth = truth_of(path.parent)
    initializers = truth["files"][path.stem]["initializers"]
    unsaved = {(m["path"], name) for m in truth["modules"] for name in m.get("unsaved_buffers", ())}
    for module in pipeline.load(path).tree:
        for parameter in module.parameters:
            true = initializers.get(parameter.initializer)
            if true is not None:
                assert module.path.child(parameter.name) in true["parameter"]
                assert parameter.transposed == true["transposed"]
                expected = Holds.TRANSPOSED if true["transposed"] else Holds.EXACT
                assert parameter.holds in (expected, Holds.UNKNOWN)
            elif (module.path, parameter.name) not in unsaved:
                assert parameter.holds not in (Holds.EXACT, Holds.TRANSPOSED)


def test_dynamo_is_placed_exactly_even_where_its_metadata_is_gone() -> None:
    dynamo = [f"{path.parent.name}-{path.stem}" for path in FILES if path.stem.startswith("dy")]
    assert len(dynamo) > 60
    assert not [name for name in dynamo if name in UNDECIDABLE]


def test_all_but_few_nodes_are_told() -> None:
    nodes = sum(len(truth_of(path.parent)["files"][path.stem]["nodes"]) for path in FILES)
    assert sum(len(allowed) for _, allowed in UNDECIDABLE.values()) / nodes < 0.003
