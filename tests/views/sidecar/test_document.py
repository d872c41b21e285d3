from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest

from rewriter.errors import UnreadableModel
from rewriter.evidence.claims import Holds
from rewriter.model import limits
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.build import analyse
from rewriter.modules.module import Kind, Module, Parameter
from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ROOT, ModulePath
from rewriter.views.json import schema
from rewriter.views.sidecar import document as sidecar
from rewriter.views.sidecar.full import NESTED
from tests.bounds import ends
from tests.build import model
from tests.evidence.folded import Product, products
from tests.views.models import named, placed, small, tree, unplaced


def loaded(of: Analysis) -> Any:
    """The full sidecar as JSON, checked against its schema."""
    content = json.loads(sidecar.write(of, "full"))
    jsonschema.Draft202012Validator(schema("modules-full")).validate(content)
    return content


def columns(of: Analysis) -> Any:
    """The compact sidecar as JSON, checked against its schema."""
    content = json.loads(sidecar.write(of))
    jsonschema.Draft202012Validator(schema("modules")).validate(content)
    return content


FORMS: list[Literal["compact", "full"]] = ["compact", "full"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("make", [small, unplaced, lambda: small(file=None)])
def test_round_trip_gives_the_tree_back(
    make: Callable[[], Analysis], form: Literal["compact", "full"]
) -> None:
    before = make()
    after = sidecar.read(sidecar.write(before, form))
    listed = {path: replace(module, tensors=()) for path, module in before.tree.modules.items()}
    assert after.tree == replace(before.tree, modules=listed)  # tensors are counted, not listed
    assert list(after.tree.modules) == list(before.tree.modules)
    assert after.file == (before.path.name if before.path else None)


def test_it_says_where_a_norm_was_folded_in() -> None:
    model = products([Product(("bn",), "conv.weight"), Product(("bn",), "other.weight")])
    before = analyse(GraphIndex(model))
    assert [module.get("folded_into") for module in loaded(before)["modules"]].count(None) == 3
    assert sidecar.read(sidecar.write(before)).tree["bn"].folded_into == ("conv", "other")


def test_a_sidecar_of_an_older_version_has_the_certainty_of_its_sources() -> None:
    content = loaded(small())
    for module in content["modules"]:
        for placement in module["placements"]:
            del placement["certainty"]
    read = sidecar.read(json.dumps(content)).tree
    assert read.by_certainty == small().tree.by_certainty == {"named": 3, "inferred": 1, "guessed": 0}


SLICED = """g (float[5,1,3] x) => (float[5,2,1,2] y)
<float[2,2,3] "onnx::RNN_1" = {0}, float[2,2,2] "onnx::RNN_2" = {0}, float[2,4] "onnx::RNN_3" = {0}> {
  ["/rnn/RNN"] y = RNN<direction = "bidirectional">(x, "onnx::RNN_1", "onnx::RNN_2", "onnx::RNN_3")
}"""


def test_slices_come_back() -> None:
    before = analyse(GraphIndex(model(SLICED)))
    after = sidecar.read(sidecar.write(before))
    assert after.tree["rnn"].parameters == before.tree["rnn"].parameters
    parts = [each["part"] for each in loaded(before)["modules"][1]["parameters"]]
    assert parts[-1] == {"axis": 0, "start": 1, "stop": 2, "inner": {"axis": 1, "start": 2, "stop": 4}}
    assert (parts[0], len(parts)) == ({"axis": 0, "start": 0, "stop": 1}, 8)


def test_it_says_what_the_model_was() -> None:
    read = sidecar.read(sidecar.write(small()))
    assert (read.file, read.producer, read.opset, read.initializers) == (
        "small.onnx",
        "pytorch 2.13.0",
        20,
        2,
    )
    assert read.opsets == {"": 20, "com.example": 3}
    assert read.node_names[ModulePath("enc.fc")] == ("/enc/fc/MatMul", "/enc/fc/Add")
    assert read.value_names[ModulePath("enc.act")] == ("b", "c")
    assert [module.path for module in read.tree.of_kind(Kind.TORCH_NN)] == ["enc.fc", "enc.act"]


def test_content_for_other_readers() -> None:
    content = loaded(small())
    assert content["schema"] == "rewriter.modules/1"
    assert content["export"]["parameters"] == 20
    assert content["kinds"] == {"torch.nn": 2, "custom": 1, "unknown": 1}
    assert [module["path"] for module in content["modules"]] == ["", "enc", "enc.fc", "enc.act"]
    assert content["modules"][2]["parameters"][1]["shared_with"] == ["head"]
    assert content["modules"][2]["placements"][1] == {
        "node": 1,
        "call": 0,
        "source": "parameter",
        "certainty": "inferred",
        "conflicting": ["enc"],
    }
    (encoder,) = content["tree"]["children"]
    assert [child["path"] for child in encoder["children"]] == ["enc.fc", "enc.act"]


def test_the_same_model_gives_the_same_text() -> None:
    assert sidecar.write(small()) == sidecar.write(small())
    assert sidecar.write(small()).endswith("}\n")


def test_file_or_text(tmp_path: Path) -> None:
    file = tmp_path / "small.modules.json"
    file.write_text(sidecar.write(small()), encoding="utf-8")
    assert sidecar.read(file) == sidecar.read(str(file)) == sidecar.read(file.read_text(encoding="utf-8"))


def test_odd_names_come_back() -> None:
    names = ["\x1b[2J", "\u202ea", '"quoted"\n', ""]
    for form in FORMS:
        read = sidecar.read(sidecar.write(named(names, ["a"] * 4), form))
        assert read.node_names[ModulePath("a")] == tuple(names)


NAMES = [
    "/a/b/Add_1",
    "/a/b/Add_1",
    "Add_0",
    "Add_007",
    "12",
    "0",
    "x" + "9" * 15,
    "x" + "9" * 16,
    "/",
    "/a/",
    "é١",
]


def test_both_forms_hold_the_same() -> None:
    model = small()
    compact, full = (sidecar.read(sidecar.write(model, form)) for form in FORMS)
    assert compact == full
    names = named(NAMES, ["a.b"] * len(NAMES))
    compact, full = (sidecar.read(sidecar.write(names, form)) for form in FORMS)
    assert compact == full
    assert compact.node_names[ModulePath("a.b")] == tuple(NAMES)


@pytest.mark.parametrize("paths", [["a.b", "a.", "a..c", ".d", "a b"], ["x", "", "x.y.z"]])
def test_paths_of_odd_names_come_back(paths: list[str]) -> None:
    before = named([f"n{number}" for number in range(len(paths))], paths)
    assert sidecar.read(sidecar.write(before)).tree == before.tree


def test_a_compact_sidecar_has_every_scope_and_class_once() -> None:
    text = sidecar.write(named([f"/layers.0/fc/Add_{number}" for number in range(50)], ["layers.0.fc"] * 50))
    content = json.loads(text)
    assert content["schema"] == "rewriter.modules/2"
    assert (content["scopes"], text.count("layers.0")) == (["/layers.0/fc/", ""], 1)
    assert content["stems"][0] == "Add_"
    assert content["nodes"]["number"] == list(range(50))


def test_nodes_without_a_module_are_ranges() -> None:
    paths = [None, None, "a", "a", None, "b", "b", None, None]
    places = tree([placed(path) if path else None for path in paths])
    before = replace(named(["n"] * 9, ["a"] * 9), tree=places)
    assert columns(before)["unplaced"] == [[0, 2], [4, 5], [7, 9]]
    assert sidecar.read(sidecar.write(before)).tree == before.tree


def test_names_that_are_too_long_written_out_are_refused() -> None:
    content = columns(named(["/a/Relu"] * 3, ["a"] * 3))
    content["scopes"] = ["x" * 1000]
    with limits.within(limits.Limits(paths=2000)), pytest.raises(UnreadableModel, match="written out"):
        sidecar.read(json.dumps(content))


def test_nesting_stops_before_parsers_do() -> None:
    deep = named(["n"], [".".join(["a"] * 3000)])
    content = loaded(deep)
    levels, branch = 0, content["tree"]
    while branch["children"]:
        levels, branch = levels + 1, branch["children"][0]
    assert (levels, branch["below"]) == (NESTED, 3000 - NESTED)
    assert sidecar.read(sidecar.write(deep)).tree == deep.tree


def test_fifty_thousand_nodes_take_no_quadratic_work() -> None:
    paths = [f"layer.{i % 1000}.part.{i % 5000}" for i in range(50_000)]
    big = named([f"/{path}/Relu" for path in paths], paths)
    with ends(30):  # linear work takes two seconds
        read = sidecar.read(sidecar.write(big))
    assert read.tree == big.tree


def test_what_parameters_hold_is_kept() -> None:
    folded = Parameter(
        "weight", "c.weight", (4, 4), "float32", holds=Holds.FOLDED, formula="c.weight * bn", unpacked=32
    )
    holding = ModuleTree({ROOT: Module(ROOT, None, (folded,), (), (), 0, 1)}, (None,) * 5)
    analysis = replace(small(), tree=holding)
    (read,) = sidecar.read(sidecar.write(analysis)).tree.root.parameters
    assert read == folded
    assert read.count == 32


def test_an_older_sidecar_does_not_tell_what_parameters_hold() -> None:
    content = loaded(small())
    for parameter in _module(content)["parameters"]:
        del parameter["holds"], parameter["count"]
    parameters = sidecar.read(json.dumps(content)).tree["enc.fc"].parameters
    assert [(each.holds, each.count) for each in parameters] == [(Holds.UNKNOWN, 16), (Holds.UNKNOWN, 4)]


def _module(content: Any) -> Any:
    return content["modules"][2]


BREAKAGES: dict[str, Callable[[Any], object]] = {
    "schema": lambda c: c.update(schema="rewriter.modules/9"),
    "no modules": lambda c: c.pop("modules"),
    "empty modules": lambda c: c["modules"].clear(),
    "modules of another type": lambda c: c.update(modules=[3]),
    "export missing": lambda c: c.pop("export"),
    "count negative": lambda c: c["export"].update(nodes=-1),
    "count a flag": lambda c: c["export"].update(nodes=True),
    "opsets": lambda c: c["export"].update(opsets={"": "20"}),
    "path": lambda c: _module(c).update(path=None),
    "listed twice": lambda c: c["modules"].append(_module(c)),
    "parent missing": lambda c: c["modules"].pop(1),
    "root missing": lambda c: c["modules"].pop(0),
    "root last": lambda c: c["modules"].append(c["modules"].pop(0)),
    "no such node": lambda c: _module(c)["placements"][0].update(node=99),
    "node placed twice": lambda c: _module(c)["placements"][0].update(node=1),
    "shape": lambda c: _module(c)["parameters"][0].update(shape=[-1]),
    "holds": lambda c: _module(c)["parameters"][0].update(holds="some"),
    "transposed": lambda c: _module(c)["parameters"][0].update(transposed=1),
    "names": lambda c: _module(c).update(nodes=[1]),
    "fewer names than placements": lambda c: _module(c).update(nodes=["one"]),
    "class": lambda c: _module(c).update({"class": 3}),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_bad_sidecar_is_refused_in_one_line(breakage: str) -> None:
    content = loaded(small())
    BREAKAGES[breakage](content)
    with pytest.raises(UnreadableModel) as caught:
        sidecar.read(json.dumps(content))
    assert "\n" not in str(caught.value)
    assert "write the sidecar again" in str(caught.value)


COLUMN_BREAKAGES: dict[str, Callable[[Any], object]] = {
    "schema": lambda c: c.update(schema="rewriter.modules/9"),
    "no modules": lambda c: c.pop("modules"),
    "empty modules": lambda c: c["modules"].update(name=[], parent=[]),
    "parent after child": lambda c: c["modules"]["parent"].__setitem__(1, 2),
    "second root": lambda c: c["modules"]["parent"].__setitem__(2, -1),
    "name with a dot": lambda c: c["modules"]["name"].__setitem__(2, "a.b"),
    "listed twice": lambda c: c["modules"]["name"].__setitem__(3, c["modules"]["name"][2]),
    "short column": lambda c: c["modules"]["calls"].pop(),
    "no such class": lambda c: c["modules"]["class"].__setitem__(1, 99),
    "column of flags": lambda c: c["modules"]["calls"].__setitem__(0, True),
    "column of text": lambda c: c["modules"].update(calls="1234"),
    "details of no module": lambda c: c.update(details={"99": {}}),
    "details of another type": lambda c: c.update(details={"1": 3}),
    "more parameters": lambda c: c["modules"]["parameters"].__setitem__(0, 5),
    "no such form": lambda c: c["parameters"]["held"].__setitem__(0, 99),
    "initializer of no row": lambda c: c["parameters"]["initializers"].update({"99": "w"}),
    "initializer a number": lambda c: c["parameters"]["initializers"].update({"0": 3}),
    "no such placement": lambda c: c["nodes"]["placement"].__setitem__(0, 99),
    "no such evidence": lambda c: c["placements"]["evidence"].__setitem__(0, 99),
    "module of a placement": lambda c: c["placements"]["module"].__setitem__(0, -1),
    "conflicting": lambda c: c["placements"].update(conflicting={"0": [1]}),
    "fewer nodes": lambda c: c["nodes"]["placement"].pop(),
    "unplaced beyond the end": lambda c: c["unplaced"].append([3, 99]),
    "unplaced overlaps": lambda c: c.update(unplaced=[[0, 2], [1, 3]]),
    "unplaced of text": lambda c: c.update(unplaced=["01"]),
    "no such scope": lambda c: c["nodes"]["scope"].__setitem__(0, 99),
    "scope of a node after itself": lambda c: c["nodes"]["scope"].__setitem__(0, -1),
    "no such stem": lambda c: c["values"]["stem"].__setitem__(0, 99),
    "values": lambda c: c["nodes"]["values"].__setitem__(0, 7),
    "many nodes": lambda c: c["export"].update(nodes=10**12),
}


@pytest.mark.parametrize("breakage", COLUMN_BREAKAGES)
def test_bad_columns_are_refused_in_one_line(breakage: str) -> None:
    content = columns(small())
    COLUMN_BREAKAGES[breakage](content)
    with pytest.raises(UnreadableModel) as caught:
        sidecar.read(json.dumps(content))
    assert "\n" not in str(caught.value)
    assert "write the sidecar again" in str(caught.value)


@pytest.mark.parametrize("text", ["{", "{}", '{"a": ' + "[" * 100_000, '{"schema": "rewriter.modules/1"}'])
def test_text_that_is_no_sidecar(text: str) -> None:
    with pytest.raises(UnreadableModel, match="write the sidecar again"):
        sidecar.read(text)


def test_files_that_are_no_sidecar(tmp_path: Path) -> None:
    binary = tmp_path / "model.onnx"
    binary.write_bytes(b"\x08\xff\xfe")
    for path, what in (
        (tmp_path / "none.json", "no such file"),
        (tmp_path, "cannot be read"),
        (binary, "UTF-8"),
    ):
        with pytest.raises(UnreadableModel, match=what):
            sidecar.read(path)
