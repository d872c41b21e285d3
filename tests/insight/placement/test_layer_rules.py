"""The rules against onnxruntime's own matching, written down once more from its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewriter import pipeline
from rewriter.errors import UsageError
from rewriter.insight.placement.device_settings import Wish, parse_wishes, place
from rewriter.insight.placement.layer_rules import BY_ANNOTATION, BY_NAME
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import Selection
from rewriter.passes.layer_annotations import layers
from tests.build import chain, model
from tests.drawn import drawn
from tests.exports import EXPORTS

Rule = tuple[str, str]


def read(text: str) -> list[Rule]:
    """The rules of a setting: device and pattern, in order."""
    rules: list[Rule] = []
    for entry in filter(None, text.split("; ")):
        device, _, patterns = entry.rstrip(")").partition("(")
        rules.extend((device, pattern) for pattern in patterns.split(", "))
    assert len(rules) == len(set(rules))
    return rules


def by_annotation(rules: Sequence[Rule], text: str) -> str | None:
    for device, pattern in rules:
        if not pattern.startswith("=") and text.startswith(pattern):
            return device
    return next((device for device, pattern in rules if pattern == f"={text}"), None)


def by_name(rules: Sequence[Rule], name: str) -> str | None:
    longest = sorted(rules, key=lambda rule: -len(rule[1]))
    return next((device for device, pattern in longest if pattern in name), None)


def wanted_of(analysis: Analysis, wishes: Sequence[Wish]) -> dict[int, str]:
    """Node -> device, by the first pattern that fits its module or one above it."""
    devices: dict[int, str] = {}
    for wish in wishes:
        for node in Selection((wish.pattern,)).nodes(analysis):
            devices.setdefault(node, wish.device)
    return devices


def check(analysis: Analysis, wishes: Sequence[Wish]) -> tuple[int, int]:
    """Check every node by both settings; returns how many of the nodes chosen have their device by either."""
    placing = place(analysis, wishes, Selection())
    wanted = wanted_of(analysis, wishes)
    assert sum(wish.nodes for wish in placing.wishes) == len(wanted)
    annotations: Mapping[int, str] = dict(layers(analysis))
    rules, names = (read(placing.settings.get(key, "")) for key in (BY_ANNOTATION, BY_NAME))
    reached = [0, 0]
    for node, proto in enumerate(analysis.graph.nodes):
        told = by_annotation(rules, annotations[node]) if node in annotations else None
        assert told in (None, wanted.get(node))
        named = by_name(names, proto.name) if proto.name else None
        assert named in (None, wanted.get(node))
        reached[0] += told is not None
        reached[1] += named is not None
    return reached[0], reached[1]


def test_layer_1_is_not_layer_10() -> None:
    analysis = pipeline.load(chain(*(f"/l.{n}/a/Relu" for n in range(12)), "/l.1/Relu"))
    placing = place(analysis, parse_wishes(["l.1=cpu"]), Selection())
    assert placing.settings == {BY_ANNOTATION: "cpu(=l.1, l.1.)", BY_NAME: "cpu(/l.1/)"}
    assert check(analysis, parse_wishes(["l.1=cpu", "l.10=gpu"])) == (3, 3)


def test_the_first_pattern_counts() -> None:
    analysis = pipeline.load(chain("/e/a/Relu", "/e/b/Relu", "/e/Relu", "/f/Relu", "/Relu"))
    inner = place(analysis, parse_wishes(["e.a=cpu", "e=gpu:1"]), Selection())
    assert inner.settings[BY_ANNOTATION] == "gpu:1(=e, e.b); cpu(e.a)"
    assert check(analysis, parse_wishes(["e.a=cpu", "e=gpu:1"])) == (3, 3)
    outer = place(analysis, parse_wishes(["e=cpu", "e.a=gpu"]), Selection())
    assert outer.settings[BY_ANNOTATION] == "cpu(e)"
    assert "'e.a' matches no node: earlier patterns took all of them" in outer.notes


def test_patterns_that_fit_nothing_are_an_error() -> None:
    analysis = pipeline.load(chain("/e/Relu", "/f/Relu"))
    placing = place(analysis, parse_wishes(["e=warp"]), Selection())
    assert "no device 'warp'" in placing.notes[0]
    with pytest.raises(UsageError, match=r"no module fits 'x\.\*'; there are e, f"):
        place(analysis, parse_wishes(["x.*=cpu", "e=warp"]), Selection())


def test_nodes_in_bodies_that_go_along_are_counted() -> None:
    text = """g (bool c, float[2] x) => (float[2] y) {
      y = If(c) <then_branch = t () => (float[2] p) { p = Relu(x) },
                 else_branch = e () => (float[2] q) { q = Neg(x) }>
    }"""
    proto = model(text)
    for node, name in zip(GraphIndex(proto).nodes, ("/a/If", "/b/Relu", "/a/Neg"), strict=True):
        node.name = name
    placing = place(pipeline.load(proto), parse_wishes(["a=cpu"]), Selection())
    assert "1 more node, in bodies of If, Loop or Scan: assigned with the node around" in placing.notes
    assert placing.settings[BY_ANNOTATION] == "cpu(a)"


@pytest.mark.parametrize("words", [[], ["e"], ["=cpu"], ["e="], ["e=a(b"], ["e=a;b"]])
def test_words_that_name_no_device(words: list[str]) -> None:
    with pytest.raises(UsageError, match="write a pattern and a device"):
        parse_wishes(words)


def test_names_with_the_syntax_of_rules_are_counted() -> None:
    analysis = pipeline.load(chain("/a,b/Relu", "/a,b/Relu_1", "/c/Relu"))
    with pytest.raises(UsageError, match="no node can be placed; ") as told:
        place(analysis, parse_wishes(["a,b=cpu"]), Selection())
    assert "; 2 nodes cannot be assigned by annotation" in str(told.value)
    assert "; 2 nodes cannot be assigned by name" in str(told.value)


@pytest.mark.parametrize(
    "case", ["bert/ts", "bert/dy", "gpt2/ts", "resnet/dy", "scripted_if_loop/ts", "t5/ts"]
)
def test_every_module_of_an_export_can_be_placed_alone(case: str) -> None:
    analysis = pipeline.load(EXPORTS / f"{case}.onnx")
    for module in analysis.tree:
        if module.path and module.total_nodes:
            told, named = check(analysis, [Wish(module.path, "cpu")])
            assert told == module.total_nodes
            if case.endswith("ts"):
                assert named or not any(analysis.graph.nodes[n].name for n in module.nodes)


atoms = st.sampled_from(["l.0", "l.1", "l.10", "l.11", "a", "ab", "l"])
names = st.lists(
    st.lists(atoms, max_size=3).map(lambda s: "/".join(["", *s, "Relu"])), min_size=1, max_size=12
)


@drawn(150)
@given(names, st.data())
def test_rules_mean_what_was_asked_for(chain_names: list[str], data: st.DataObject) -> None:
    analysis = pipeline.load(chain(*(f"{name}_{n}" for n, name in enumerate(chain_names))))
    paths = [module.path for module in analysis.tree if module.path]
    if not paths:
        return
    chosen = data.draw(
        st.lists(st.tuples(st.sampled_from(paths), st.sampled_from(["cpu", "gpu"])), min_size=1, max_size=4)
    )
    check(analysis, [Wish(path, device) for path, device in chosen])
