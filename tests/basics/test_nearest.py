"""Names that fit nothing: what is said, and what is near."""

from __future__ import annotations

import pytest

from rewriter.basics.nearest import fits_nothing, nearest


@pytest.mark.parametrize(
    ("word", "names", "says"),
    [
        ("Linaer", ["Linear", "LayerNorm"], "no class fits 'Linaer'; nearest: Linear"),
        ("linear", ["Linear", "LayerNorm"], "no class fits 'linear'; nearest: Linear"),
        ("Layer*x", ["Linear", "LayerNorm"], "no class fits 'Layer*x'; nearest: LayerNorm"),
        ("Bert", ["BertLayer", "Conv2d"], "no class fits 'Bert'; nearest: BertLayer"),
        ("x", [], "no class fits 'x'; there is none"),
        ("x", ["abc"], "no class fits 'x'; there is abc"),
        ("x", ["abc", "def", "abc"], "no class fits 'x'; there are abc, def"),
        ("x", [*"abcdef"], "no class fits 'x'; there are a, b, c, d and 2 more, see 'rewriter tree'"),
        ("x", [b"\xff", "", "abc"], "no class fits 'x'; there is abc"),
    ],
)
def test_what_is_said(word: str, names: list[str | bytes], says: str) -> None:
    assert fits_nothing("class", word, names, where="'rewriter tree'") == says


def test_the_nearest_comes_first_and_few_are_named() -> None:
    assert nearest("BertPoolr", ["BertModel", "BertPooler"]) == ("BertPooler",)
    names = [f"query_{number}" for number in range(9)] + ["qery"]
    assert nearest("qury", names)[0] == "qery"
    assert len(nearest("query", names)) == 4
