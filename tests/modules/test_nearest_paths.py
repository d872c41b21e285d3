"""What a pattern may be meant for that fits no module: every proposal fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewriter.modules.nearest_paths import nearest_patterns
from rewriter.paths import ModulePath

BERT = [
    "model",
    "model.embeddings",
    "model.encoder",
    "model.encoder.layer",
    *(
        f"model.encoder.layer.{number}{part}"
        for number in range(12)
        for part in ("", ".attention", ".attention.self", ".attention.self.query", ".output", ".output.dense")
    ),
    "model.pooler",
    "model.pooler.dense",
]


@pytest.mark.parametrize(
    ("pattern", "first"),
    [
        ("encoder.layr.*", "model.encoder.layer.*"),  # a slip below a wrapper
        ("encoder.layer.[0-3].attention*", "model.encoder.layer.[0-3].attention*"),
        ("bert.encoder.layer.0", "model.encoder.layer.0"),  # another wrapper
        ("Model.Encoder", "model.encoder"),
        ("model.encoder.layer.12", "model.encoder.layer.11"),  # one layer too far
        ("model.encoder.layers.0.attention.self.query.weight", "model.encoder.layer.0.attention.self.query"),
        ("model/encoder/layer.0", "model.encoder.layer.0"),
        ("encoder.0", "model.encoder.layer.0"),
        ("pooler", "model.pooler"),
        ("query", "**.query"),  # in every layer
        ("**.qeury", "**.query"),
        ("model.", "model"),
        ("*.*.layr", "*.*.layer"),
    ],
)
def test_the_nearest(pattern: str, first: str) -> None:
    assert nearest_patterns(pattern, BERT)[0] == first


@pytest.mark.parametrize("pattern", ["zzz", "zzz.*", ".*", "", "*.*.*.*.*.*.*.*"])
def test_nothing_is_near(pattern: str) -> None:
    assert nearest_patterns(pattern, BERT) == ()


def test_names_with_magic_are_escaped() -> None:
    assert nearest_patterns("blok.x[0]", ["block.x[0]", "other"]) == ("block.x[[]0]",)


atoms = st.sampled_from(["a", "b", "layer", "layers", "0", "1", "q[0]", "Self"])
paths = st.lists(st.lists(atoms, min_size=1, max_size=4).map(".".join), min_size=1, max_size=6)
globs = st.lists(atoms | st.sampled_from(["*", "**", "lay*", "[0-3]", "?"]), min_size=1, max_size=4)


@given(globs.map(".".join), paths)
def test_what_is_proposed_fits(pattern: str, there: list[str]) -> None:
    for proposed in nearest_patterns(pattern, there):
        assert any(ModulePath(path).matches(proposed) for path in there), proposed
