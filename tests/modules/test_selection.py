from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rewriter import pipeline
from rewriter.errors import UsageError
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import Selection, outermost
from tests.build import chain, model
from tests.exports import EXPORTS


@pytest.fixture(scope="module")
def small() -> Analysis:
    return pipeline.load(chain("/enc/l.0/a/Relu", "/enc/l.0/b/Relu", "/enc/l.1/a/Relu", "/enc/Relu", "no"))


@pytest.fixture(scope="module")
def bert() -> Analysis:
    return pipeline.load(EXPORTS / "bert" / "dy.onnx")


def paths(analysis: Analysis, **chosen: Any) -> list[str]:
    return [module.path for module in Selection(**chosen).modules(analysis)]


def test_nothing_said_is_everything(small: Analysis) -> None:
    assert paths(small) == [module.path for module in small.tree]
    assert Selection().nodes(small) == (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("patterns", "modules", "nodes"),
    [
        (("enc.l.0.a",), ["enc.l.0.a"], (0,)),
        (("enc.l.0",), ["enc.l.0"], (0, 1)),
        (("enc.l.[0-1].a*",), ["enc.l.0.a", "enc.l.1.a"], (0, 2)),
        (("enc.l.1", "enc.l.0.b"), ["enc.l.0.b", "enc.l.1"], (1, 2)),
        (("enc.l.0", "enc.l.0.a"), ["enc.l.0", "enc.l.0.a"], (0, 1)),
        (("**.a",), ["enc.l.0.a", "enc.l.1.a"], (0, 2)),
        (("enc",), ["enc"], (0, 1, 2, 3)),
    ],
)
def test_patterns(
    small: Analysis, patterns: tuple[str, ...], modules: list[str], nodes: tuple[int, ...]
) -> None:
    assert paths(small, only=patterns) == modules
    assert Selection(patterns).nodes(small) == nodes


def test_depth_counts_atoms(small: Analysis) -> None:
    assert paths(small, depth=2) == ["", "enc", "enc.l"]
    assert paths(small, only=("**.l.*",), depth=3) == ["enc.l.0", "enc.l.1"]
    assert Selection(depth=1).nodes(small) == (0, 1, 2, 3)  # the last one has no module


def test_classes_and_kinds(bert: Analysis) -> None:
    linear = paths(bert, class_name="Linear")
    assert "model.encoder.layer.0.attention.self.query" in linear
    assert (
        linear == paths(bert, class_name="torch.nn.modules.linear.Linear") == paths(bert, class_name="Lin*")
    )
    assert set(linear) < set(paths(bert, kind="torch.nn"))
    kinds = ("torch.nn", "huggingface", "custom", "unknown")
    assert sorted(path for kind in kinds for path in paths(bert, kind=kind)) == sorted(
        module.path for module in bert.tree
    )
    assert paths(bert, class_name="Linear", only=("model.pooler.*",)) == ["model.pooler.dense"]


def test_operators_choose_nodes_and_their_owners(bert: Analysis) -> None:
    chosen = Selection(("model.encoder.layer.0.attention*",), operators=("MatMul",))
    types = {bert.graph.nodes[node].op_type for node in chosen.nodes(bert)}
    assert types == {"MatMul"}
    every = Selection(operators=("MatMul",))
    assert set(chosen.nodes(bert)) < set(every.nodes(bert))
    owners = every.modules(bert)
    assert {n for m in owners for n in m.nodes} >= set(every.nodes(bert))
    assert {*Selection(operators=("Mat*", "Softmax")).nodes(bert)} > {*every.nodes(bert)}


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (
            {"only": ("encoder.layr.[0-3].attention*",)},
            "; nearest: model.encoder.layer.[0-3].attention*",
        ),
        ({"only": ("encodr.**.dense",)}, "; nearest: model.encoder.**.dense"),
        (
            {"only": ("model.encodr.layer",)},
            "no module fits 'model.encodr.layer'; nearest: model.encoder.layer",
        ),
        ({"only": ("model", "zzz")}, "no module fits 'zzz'; there are model, model.embeddings, "),
        ({"class_name": "Linaer"}, "no class fits 'Linaer'; nearest: Linear"),
        ({"operators": ("MatMull",)}, "no operator fits 'MatMull'; nearest: MatMul"),
        ({"only": ("model", "zzz"), "class_name": ("Linear", "Linaer")}, "'zzz'; there are"),
        ({"only": ("model", "zzz"), "class_name": ("Linear", "Linaer")}, "; no class fits 'Linaer'"),
        ({"only": ("BertLayer",)}, "no module fits 'BertLayer'; it is a class, chosen by --class"),
        ({"class_name": "model.encoder"}, "'model.encoder' is the path of a module, not a class"),
        ({"kind": "tensorflow"}, "no kind fits 'tensorflow'; there are torch.nn, "),
        (
            {"only": ("model.encoder",), "class_name": "Linear"},
            "fits 'model.encoder' and --class Linear; for the modules below write 'model.encoder.**'",
        ),
        (
            {"class_name": "Linear", "depth": 1},
            "no module fits --class Linear and --depth 1; the modules that fit lie deeper than --depth 1",
        ),
    ],
)
def test_what_fits_nothing_is_said(bert: Analysis, chosen: dict[str, Any], message: str) -> None:
    for ask in (Selection(**chosen).modules, Selection(**chosen).nodes):
        with pytest.raises(UsageError) as told:
            ask(bert)
        assert message in str(told.value)
        assert "dy.onnx: " in str(told.value) or "kind" in chosen


def test_several_of_a_kind_are_all_meant(bert: Analysis) -> None:
    both = paths(bert, class_name=("BertLayer", "BertPooler"))
    assert both == [
        *paths(bert, class_name="BertLayer"),
        *paths(bert, class_name="BertPooler"),
    ]
    assert len(both) == 3
    assert paths(bert, kind=("torch.nn", "custom")) == [
        module.path for module in bert.tree if module.kind in ("torch.nn", "custom")
    ]


def test_what_fits_in_another_file_alone_is_left_out(bert: Analysis) -> None:
    asked = Selection(("model.pooler", "decoder"), ("Linear", "T5*"))
    left, misses = asked.narrowed(bert)
    assert left is None  # model.pooler is no Linear
    assert [(miss.what, miss.word) for miss in misses][:2] == [("module", "decoder"), ("class", "T5*")]
    left, misses = Selection(("model.pooler", "decoder")).narrowed(bert)
    assert left == Selection(("model.pooler",))
    assert [miss.word for miss in misses] == ["decoder"]
    assert Selection(("decoder",)).narrowed(bert)[0] is None


def test_nodes_chosen_by_operator_alone_are_some(bert: Analysis) -> None:
    with pytest.raises(UsageError, match=r"no node fits 'model\.pooler' and --op Softmax; 'rewriter"):
        Selection(("model.pooler",), operators=("Softmax",)).nodes(bert)
    with pytest.raises(UsageError, match=r"no node fits 'model\.pooler' and --op Gemm"):
        Selection(("model.pooler",), operators=("Gemm",)).modules(bert)  # its leaf owns it
    assert Selection(("model.pooler",), operators=("Gemm",)).fitting(bert) == ()


def test_a_tree_tells_what_is_near(bert: Analysis) -> None:
    with pytest.raises(UsageError, match=r"no module fits 'poolr'; nearest: model\.pooler"):
        bert.tree.select("poolr")
    assert bert.tree.fitting("poolr") == ()
    with pytest.raises(KeyError, match=r"no module fits 'poolr'; nearest: model\.pooler"):
        bert.tree["poolr"]


def test_what_is_proposed_holds(bert: Analysis) -> None:
    assert paths(bert, only=("model.encoder.layer.[0-3].attention*",)) == [
        "model.encoder.layer.0.attention",
        "model.encoder.layer.1.attention",
    ]
    assert len(paths(bert, only=("**.encoder.**.dense",))) == 6


def test_files_without_classes_or_modules_say_so(small: Analysis) -> None:
    with pytest.raises(UsageError, match=r"the file tells no class, give one by --reference"):
        Selection(class_name="Linear").modules(small)
    with pytest.raises(UsageError, match="no module hierarchy"):
        Selection(("a",)).modules(pipeline.load(chain("x", "y")))


def test_the_complement_leaves_out_modules_with_all_inside(small: Analysis) -> None:
    assert paths(small, leave_out="enc.l.0") == ["", "enc", "enc.l", "enc.l.1", "enc.l.1.a"]
    assert Selection(leave_out="enc.l.0").nodes(small) == (2, 3, 4)  # the last one has no module
    assert Selection(("enc",), leave_out="enc.l.*").nodes(small) == (3,)
    assert Selection(("enc.l.*",), leave_out=("enc.l.1", "**.b")).nodes(small) == (0,)
    assert paths(small, operators=("Relu",), leave_out="enc.l") == ["enc"]
    chosen, rest = Selection(("enc.l.0",)).nodes(small), Selection(leave_out="enc.l.0").nodes(small)
    assert sorted((*chosen, *rest)) == [*range(5)]
    with pytest.raises(UsageError, match=r"no module fits 'enc\.l\.0\.a' and --not enc\.l"):
        Selection(("enc.l.0.a",), leave_out="enc.l").nodes(small)
    with pytest.raises(UsageError, match=r"no module fits 'enc\.k'; nearest: enc"):
        Selection(leave_out="enc.k").nodes(small)
    left, misses = Selection(leave_out=("enc.k", "enc.l")).narrowed(small)
    assert left == Selection(leave_out="enc.l")
    assert [miss.word for miss in misses] == ["enc.k"]


def test_a_module_taken_as_a_whole_holds_none_that_is_left_out(small: Analysis) -> None:
    asked = Selection(("enc.l.*",), leave_out="enc.l.1")
    assert [module.path for module in asked.whole(small)] == ["enc.l.0"]
    with pytest.raises(UsageError, match=r"enc\.l is taken as a whole, with enc\.l\.1\.a; name the modules"):
        Selection(("enc.l",), leave_out="**.1.a").whole(small)


def test_depth_zero_is_the_root(small: Analysis) -> None:
    assert paths(small, depth=0) == [""]
    with pytest.raises(UsageError, match=r"deeper than --depth 0, first enc; --depth 1 shows it"):
        paths(small, only=("enc",), depth=0)


def test_words_are_one_or_several() -> None:
    assert Selection.of("a") == Selection.of(["a"]) == Selection(("a",)) == Selection.of(Selection(("a",)))


def test_outermost(small: Analysis) -> None:
    modules = Selection(("enc.l.0.a", "enc.l.0", "enc.l.1.a")).modules(small)
    assert [module.path for module in outermost(modules)] == ["enc.l.0", "enc.l.1.a"]


RELU = """
g (float[2,4] x) => (float[2,4] y) <float[4,4] "fc.weight" = {1,0,0,0, 0,2,0,0, 0,0,3,0, 0,0,0,4}>
{ ["/fc/MatMul"] h = MatMul(x, "fc.weight") ["/bn/Relu"] y = Relu(h) }
"""


def test_an_inferred_class_is_chosen_on_demand_alone() -> None:
    analysis = pipeline.load(model(RELU))
    assert paths(analysis, class_name="Linear", inferred=True) == ["fc"]
    assert paths(analysis, class_name=("Linear", "ReLU"), inferred=True) == ["fc", "bn"]
    assert Selection(class_name="Linear", inferred=True).nodes(analysis) == (0,)
    with pytest.raises(UsageError, match=r"the class of 1 module is inferred as Linear\?, --inferred takes"):
        paths(analysis, class_name="Linear")
    with pytest.raises(UsageError, match="no class fits 'Linaer'; nearest: Linear"):
        paths(analysis, class_name="Linaer", inferred=True)
    with pytest.raises(UsageError, match="--inferred adds modules to those of --class; name a class"):
        paths(analysis, inferred=True)


def test_a_known_class_is_never_an_inferred_one(bert: Analysis) -> None:
    linear = Selection(class_name="Linear")
    assert linear.modules(bert) == replace(linear, inferred=True).modules(bert)


@pytest.mark.parametrize(
    ("class_name", "shown", "fitting"),
    [
        ("torch.nn.modules.batchnorm._BatchNorm", "BatchNorm", {"BatchNorm", "_BatchNorm"}),
        ("transformers.models.x._Head", "Head", {"Head", "_Head"}),
        ("mine._Head", "_Head", {"_Head"}),
        ("torch.nn.modules.linear.Linear", "Linear", {"Linear"}),
    ],
)
def test_a_private_class_has_two_spellings(class_name: str, shown: str, fitting: set[str]) -> None:
    """A user's class keeps its underscore."""
    tagged = {"/bn/Relu": {"namespace": f": mine.Net/bn: {class_name}/relu: aten.relu.default"}}
    analysis = pipeline.load(model(RELU, **tagged))
    assert analysis.tree["bn"].class_name == class_name
    assert analysis.tree["bn"].shown_class == shown
    words = ("BatchNorm", "_BatchNorm", "Head", "_Head", "Linear", class_name)
    assert {word for word in words if _chooses(analysis, word)} == fitting | {class_name}


def _chooses(analysis: Analysis, word: str) -> bool:
    chosen, _ = Selection(class_name=word).narrowed(analysis)
    return chosen is not None and [module.path for module in chosen.modules(analysis)] == ["bn"]
