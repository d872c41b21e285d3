from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import onnx
import pytest

from rewriter.errors import UsageError
from rewriter.evidence.claims import Source
from rewriter.insight.lookup.explanation import Explanation
from rewriter.insight.lookup.name_lookup import Subject
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from rewriter.passes.base import Difference, Outcome
from rewriter.paths import ModulePath
from rewriter.proof.certificate import Certificate
from rewriter.refusals import Reason, Refusal
from rewriter.runtime.compare.tolerance import Tolerance
from rewriter.verdict.numbers import Numeric
from rewriter.verdict.verification import Verification
from rewriter.views.json import JsonObject, explain_json, rewrite_json, schema, tree_json, verify_json
from rewriter.views.rewrite_report import PassRecord, Report
from rewriter.views.schemas import RESULTS
from rewriter.views.summary import summarize
from tests.evidence.folded import Product, products
from tests.views.models import analysis, placed, small, tree, unplaced

EQUAL = Certificate(equal=True, outputs=2)
UNLIKE = Certificate(equal=False, outputs=2, difference="y: Add, not Sub")
NUMBERS = {
    "not asked for": None,
    "exact": Numeric(runs=3, max_abs=0.0, relative=0.0, exact=True),
    "close": Numeric(runs=3, max_abs=1.5e-7, exact=False, skipped=None),
    "infinite": Numeric(runs=1, max_abs=math.inf, exact=False, skipped=None),
    "not a number": Numeric(runs=1, max_abs=math.nan, exact=False, skipped=None),
    "skipped": Numeric(skipped="an input has no type"),
    "broken": Numeric(error="it does not load"),
}
DIFFERENCE = Difference(ModulePath("layer.0"), ModulePath("layer.1"), "/layer.0/Add", None, "nodes", 2)
REPORT = Report(
    analysis=small(),
    before=summarize(small()),
    after=summarize(small()),
    tree=small().tree,
    passes=(
        PassRecord("annotate", Outcome({"nodes": 4}, (), (DIFFERENCE,), {"copy": "node"})),
        PassRecord("restore-names", Outcome({})),
    ),
    refusals=(Refusal(ModulePath("enc.fc"), Reason.NAME_TAKEN, "/enc/fc/Add"),),
    verification=Verification(EQUAL, None),
    seconds={"load": 0.01, "verify": 0.2},
    outputs=(Path("out.onnx"),),
    removed=(Path("out.data"),),
)


def valid(name: str, output: JsonObject) -> Any:
    """`output` as a reader of its strictly standard text gets it, checked against its published schema."""
    loaded = json.loads(json.dumps(output, allow_nan=False))
    jsonschema.Draft202012Validator(schema(name)).validate(loaded)
    return loaded


@pytest.mark.parametrize("name", RESULTS)
def test_schemas_are_valid_and_closed(name: str) -> None:
    published = schema(name)
    jsonschema.Draft202012Validator.check_schema(published)
    stack: list[object] = [published]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.values())
            if "properties" in item:
                assert item["additionalProperties"] is False
                assert set(item["required"]) <= set(item["properties"])


def test_schemas_tell_the_same_of_the_same_thing() -> None:
    seen: dict[str, object] = {}
    for name in ("tree", "rewrite", "verify"):
        definitions: Any = schema(name)["$defs"]
        for key, definition in definitions.items():
            assert seen.setdefault(key, definition) == definition


def test_an_unknown_schema_is_a_misuse() -> None:
    with pytest.raises(UsageError, match="no schema fits 'tre'; nearest: tree"):
        schema("tre")


def test_tree_of_a_small_model() -> None:
    output = valid("tree", tree_json(small()))
    assert output["schema"] == "rewriter.tree/1"
    assert output["model"] == {"nodes": 5, "initializers": 2, "opset": 20, "producer": "pytorch 2.13.0"}
    assert output["opsets"] == {"": 20, "com.example": 3}
    assert output["placement"] == {
        "nodes": 5,
        "placed": 4,
        "by_certainty": {"named": 3, "inferred": 1, "guessed": 0},
        "by_source": {"scope_name": 3, "parameter": 1},
        "conflicts": 1,
    }
    root, _, linear, act = output["modules"]
    assert (root["path"], root["parent"], root["depth"], root["children"]) == ("", None, 0, ["enc"])
    assert linear == {
        "path": "enc.fc",
        "class": "torch.nn.modules.linear.Linear",
        "kind": "torch.nn",
        "depth": 2,
        "parent": "enc",
        "children": [],
        "leaf": True,
        "calls": 1,
        "nodes": {"own": 2, "total": 2},
        "parameters": [
            {
                "name": "weight",
                "initializer": "enc.fc.weight",
                "shape": [4, 4],
                "dtype": "float",
                "count": 16,
                "transposed": True,
                "holds": "unknown",
                "shared_with": [],
            },
            {
                "name": "bias",
                "initializer": "enc.fc.bias",
                "shape": [4],
                "dtype": "float",
                "count": 4,
                "transposed": False,
                "holds": "unknown",
                "shared_with": ["head"],
            },
        ],
        "elements": {
            "parameters": {"own": 20, "total": 20},
            "buffers": {"own": 0, "total": 0},
            "constants": {"own": 0, "total": 0},
        },
    }
    assert act["calls"] == 2
    assert output["nodes"][3:] == [
        {
            "name": "/enc/act_1/Relu",
            "op": "Relu",
            "outputs": ["c"],
            "module": "enc.act",
            "call": 1,
            "source": "scope_name",
            "certainty": "named",
        },
        {
            "name": "Identity_0",
            "op": "Identity",
            "outputs": ["y"],
            "module": None,
            "call": None,
            "source": None,
            "certainty": None,
        },
    ]


def test_a_folded_norm_has_a_field_for_where_it_is() -> None:
    folded = analyse(GraphIndex(products([Product(("bn",), "conv.weight")])))
    modules = valid("tree", tree_json(folded))["modules"]
    assert [module.get("folded_into") for module in modules] == [None, None, ["conv"]]


def test_tree_of_a_model_nobody_could_place() -> None:
    output = valid("tree", tree_json(unplaced()))
    assert output["placement"] == {
        "nodes": 5,
        "placed": 0,
        "by_certainty": {"named": 0, "inferred": 0, "guessed": 0},
        "by_source": {},
        "conflicts": 0,
    }
    assert [module["path"] for module in output["modules"]] == [""]


def test_names_that_are_no_text_stay_json() -> None:
    model = onnx.ModelProto()
    data = onnx.helper.make_model(
        onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"], name="bad")], "g", [], [])
    ).SerializeToString()
    model.ParseFromString(data.replace(b"bad", b"b\xffd"))
    output = valid("tree", tree_json(analysis(model, tree([placed("a")]))))
    assert output["nodes"][0]["name"] == "b\\xffd"


def test_a_model_without_the_default_domain() -> None:
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["ai.onnx.ml" : 3]> g () => () {}')
    assert valid("tree", tree_json(analysis(model, tree([]))))["model"]["opset"] is None


@pytest.mark.parametrize("source", list(Source))
def test_every_source_is_written_as_text(source: Source) -> None:
    output = tree_json(analysis(onnx.parser.parse_model(ONE), tree([placed("a", 0, source)])))
    assert valid("tree", output)["nodes"][0]["source"] == source.value


ONE = '<ir_version: 8, opset_import: ["" : 20]> g (float[1] x) => (float[1] y) { y = Relu(x) }'


def test_rewrite() -> None:
    output = valid("rewrite", rewrite_json(REPORT))
    assert output["schema"] == "rewriter.rewrite/2"
    assert output["placement"] == valid("tree", tree_json(small()))["placement"]
    assert output["passes"] == [
        {
            "name": "annotate",
            "changes": {"nodes": 4},
            "differences": [
                {
                    "module": "layer.0",
                    "other": "layer.1",
                    "node": "/layer.0/Add",
                    "other_node": None,
                    "what": "nodes",
                    "calls": 2,
                }
            ],
            "copies": {"copy": "node"},
        },
        {"name": "restore-names", "changes": {}, "differences": [], "copies": {}},
    ]
    assert output["refusals"] == [{"module": "enc.fc", "reason": "name_taken", "witness": "/enc/fc/Add"}]
    assert output["seconds"] == {"load": 0.01, "verify": 0.2}
    assert output["outputs"] == ["out.onnx"]


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_fits_the_schema(reason: Reason) -> None:
    report = dataclasses.replace(REPORT, refusals=(Refusal(ModulePath(""), reason, "w"),))
    assert valid("rewrite", rewrite_json(report))["refusals"][0]["reason"] == reason.name.lower()


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("exact", {"runs": 3, "exact": True, "max_abs": 0.0, "max_rel": 0.0}),
        ("close", {"runs": 3, "exact": False, "max_abs": 1.5e-7}),
        ("infinite", {"runs": 1, "exact": False, "max_abs": None}),
        ("not a number", {"runs": 1, "exact": False, "max_abs": None}),
        ("skipped", {"runs": 0, "exact": None, "skipped": "an input has no type"}),
        ("broken", {"runs": 0, "exact": None, "skipped": None, "error": "it does not load"}),
    ],
)
def test_numbers_stay_valid_json(case: str, expected: dict[str, object]) -> None:
    output = valid("verify", verify_json(Verification(EQUAL, NUMBERS[case])))["verification"]
    assert expected.items() <= output["numeric"].items()
    assert output["optimised"] is None
    again = valid("verify", verify_json(Verification(EQUAL, NUMBERS["exact"], NUMBERS[case])))
    assert again["verification"]["optimised"] == output["numeric"]


def test_the_worst_difference_has_its_output_and_its_place() -> None:
    found = Numeric(
        2,
        exact=False,
        max_abs=1e-6,
        relative=2e-7,
        rounding=True,
        worst_output="y",
        worst_abs=1e-6,
        where="input set 1: y[3]",
    )
    output = valid("verify", verify_json(Verification(UNLIKE, found)))["verification"]
    assert output["verdict"] == "not proved" and "rounding is possible" in output["reason"]
    assert output["numeric"]["worst"] == {
        "output": "y",
        "where": "input set 1: y[3]",
        "abs": 1e-6,
        "rel": 2e-7,
    }


@pytest.mark.parametrize("tolerance", [Tolerance(0.01), Tolerance(rtol=0.1, atol=0.0)])
def test_a_tolerance_and_what_it_says(tolerance: Tolerance) -> None:
    found = Numeric(1, exact=False, max_abs=1.0, within=True, tolerance=tolerance)
    output = valid("verify", verify_json(Verification(UNLIKE, found, demanded=True)))["verification"]
    assert (output["verdict"], output["accepted"]) == ("not proved", True)
    assert output["numeric"]["within"] is True
    assert set(output["numeric"]["tolerance"]) in ({"largest"}, {"rtol", "atol"})


def test_certificate_that_fails() -> None:
    failed = Verification(Certificate(equal=False, outputs=2, difference="y: Add, not Sub"), None)
    output = valid("verify", verify_json(failed))
    assert output["schema"] == "rewriter.verify/2"
    assert output["verification"]["verdict"] == "not proved"
    assert output["verification"]["certificate"] == {
        "equal": False,
        "identical": False,
        "outputs": 2,
        "interface": False,
        "difference": "y: Add, not Sub",
    }


def test_claims_on_nodes_placed_and_not() -> None:
    of = small()
    output = valid("explain", explain_json(Explanation(of, "n", Subject.NODE, (), (1, 4))))
    assert (output["schema"], output["what"], output["also"]) == ("rewriter.explain/1", "node", [])
    add, identity = output["nodes"]
    assert (add["name"], add["op"], add["outputs"], add["module"]) == ("/enc/fc/Add", "Add", ["a"], "enc.fc")
    assert [(claim["module"], claim["source"]) for claim in add["claims"]] == [("enc.fc", "parameter")]
    assert (add["certainty"], add["claims"][0]["rule"]) == ("inferred", "only reader of a named weight")
    assert (identity["module"], identity["certainty"], identity["claims"]) == (None, None, [])
