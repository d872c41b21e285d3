from __future__ import annotations

import dataclasses
import json
import math
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import onnx
import pytest

from rewriter.evidence.claim import Source
from rewriter.passes.base import Difference, Outcome
from rewriter.paths import ModulePath
from rewriter.proof.certificate import Certificate
from rewriter.proof.compare import TOLERANCE, Numeric
from rewriter.proof.verification import Verification
from rewriter.refusals import Reason, Refusal
from rewriter.views.json import JsonObject, explain_json, rewrite_json, schema, tree_json, verify_json
from rewriter.views.report import PassRecord, Report
from tests.views.models import analysis, placed, small, tree, unplaced

FOLDER = resources.files("rewriter.views").joinpath("schemas")
SCHEMAS = sorted(file.name.removesuffix(".schema.json") for file in FOLDER.iterdir())
EQUAL = Certificate(equal=True, outputs=2)
NUMBERS = {
    "not asked for": None,
    "exact": Numeric(runs=3, max_abs=0.0, exact=True, skipped=None),
    "close": Numeric(runs=3, max_abs=1.5e-7, exact=False, skipped=None),
    "infinite": Numeric(runs=1, max_abs=math.inf, exact=False, skipped=None),
    "not a number": Numeric(runs=1, max_abs=math.nan, exact=False, skipped=None),
    "skipped": Numeric(runs=0, max_abs=None, exact=None, skipped="an input has no type"),
}
DIFFERENCE = Difference(ModulePath("layer.0"), ModulePath("layer.1"), "/layer.0/Add", None, "nodes", 2)
REPORT = Report(
    analysis=small(),
    passes=(
        PassRecord("annotate", Outcome({"nodes": 4}, (), (DIFFERENCE,), {"copy": "node"})),
        PassRecord("restore-names", Outcome({})),
    ),
    refusals=(Refusal(ModulePath("enc.fc"), Reason.NAME_TAKEN, "/enc/fc/Add"),),
    verification=Verification(EQUAL, None),
    seconds={"load": 0.01, "verify": 0.2},
    outputs=(Path("out.onnx"),),
)


def valid(name: str, output: JsonObject) -> Any:
    """`output` as a reader of its strictly standard text gets it, checked against its published schema."""
    loaded = json.loads(json.dumps(output, allow_nan=False))
    jsonschema.Draft202012Validator(schema(name)).validate(loaded)
    return loaded


@pytest.mark.parametrize("name", SCHEMAS)
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
    with pytest.raises(FileNotFoundError):
        schema("nothing")


def test_tree_of_a_small_model() -> None:
    output = valid("tree", tree_json(small()))
    assert output["schema"] == "rewriter.tree/1"
    assert output["model"] == {"nodes": 5, "initializers": 2, "opset": 20, "producer": "pytorch 2.13.0"}
    assert output["opsets"] == {"": 20, "com.example": 3}
    assert output["placement"] == {
        "nodes": 5,
        "placed": 4,
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
                "transposed": True,
            },
            {
                "name": "bias",
                "initializer": "enc.fc.bias",
                "shape": [4],
                "dtype": "float",
                "transposed": False,
            },
        ],
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
        },
        {
            "name": "Identity_0",
            "op": "Identity",
            "outputs": ["y"],
            "module": None,
            "call": None,
            "source": None,
        },
    ]


def test_tree_of_a_model_nobody_could_place() -> None:
    output = valid("tree", tree_json(unplaced()))
    assert output["placement"] == {"nodes": 5, "placed": 0, "by_source": {}, "conflicts": 0}
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
    assert output["schema"] == "rewriter.rewrite/1"
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
        ("not asked for", (0, None, None, "not asked for")),
        ("exact", (3, 0.0, True, None)),
        ("close", (3, 1.5e-7, False, None)),
        ("infinite", (1, None, False, None)),
        ("not a number", (1, None, False, None)),
        ("skipped", (0, None, None, "an input has no type")),
    ],
)
def test_numbers_stay_valid_json(case: str, expected: tuple[object, ...]) -> None:
    output = valid("verify", verify_json(Verification(EQUAL, NUMBERS[case])))
    assert tuple(output["verification"]["numeric"].values()) == (*expected, False)
    assert list(output["verification"]["numeric"]) == ["runs", "max_abs", "exact", "skipped", "identical"]
    assert output["verification"]["optimised"] is None


@pytest.mark.parametrize(
    ("optimised", "expected"),
    [
        (Numeric(3, 0.0, True, None, 0.0), (3, 0.0, True, None, 0.0)),
        (Numeric(3, 1.5e-7, False, None, 2e-7), (3, 1.5e-7, False, None, 2e-7)),
        (Numeric(1, math.inf, False, None, math.inf), (1, None, False, None, None)),
        (Numeric(1, math.nan, False, None, math.nan), (1, None, False, None, None)),
        (Numeric(0, None, None, "no runtime"), (0, None, None, "no runtime", None)),
    ],
)
def test_optimised_numbers_have_a_relative_difference(
    optimised: Numeric, expected: tuple[object, ...]
) -> None:
    verification = Verification(EQUAL, NUMBERS["exact"], optimised)
    output = valid("verify", verify_json(verification))["verification"]["optimised"]
    assert output == dict(zip(("runs", "max_abs", "exact", "skipped", "max_rel"), expected, strict=True))
    report = dataclasses.replace(REPORT, verification=verification)
    assert valid("rewrite", rewrite_json(report))["verification"]["optimised"] == output


def test_the_schema_tells_the_tolerance() -> None:
    definitions: Any = schema("verify")["$defs"]
    assert f"up to {TOLERANCE} " in definitions["optimised"]["properties"]["max_rel"]["description"]


def test_certificate_that_fails() -> None:
    failed = Verification(Certificate(equal=False, outputs=2, difference="y: Add, not Sub"), None)
    output = valid("verify", verify_json(failed))
    assert output["schema"] == "rewriter.verify/1"
    assert output["verification"]["certificate"] == {
        "equal": False,
        "outputs": 2,
        "difference": "y: Add, not Sub",
    }


def test_claims_on_nodes_placed_and_not() -> None:
    output = valid("explain", explain_json(small(), [1, 4]))
    assert output["schema"] == "rewriter.explain/1"
    add, identity = output["nodes"]
    assert (add["name"], add["op"], add["outputs"], add["module"]) == ("/enc/fc/Add", "Add", ["a"], "enc.fc")
    assert [(claim["module"], claim["source"]) for claim in add["claims"]] == [("enc.fc", "parameter")]
    assert (identity["module"], identity["claims"]) == (None, [])
