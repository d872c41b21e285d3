from __future__ import annotations

from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import rewriter
from rewriter.errors import UsageError
from rewriter.insight.tools import examine as module
from rewriter.insight.tools.examine import RULES, TOOLS, examine, installed
from rewriter.insight.tools.facts import Facts
from rewriter.insight.tools.rule import Effect, Remedy
from tests.exports import EXPORTS
from tests.insight.tools import tools
from tests.insight.tools.tools import Rewriting

BERT = EXPORTS / "bert" / "dy.onnx"


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grouped") / "it's grouped.onnx"
    rewriter.rewrite(BERT, path, functions="shared", numbers=False, sidecar="none")
    return path


def test_grouping_brings_the_warnings_that_flatten_takes_away(grouped: Path) -> None:
    before = {finding.rule.name for finding in rewriter.doctor(BERT).findings}
    found = rewriter.doctor(grouped)
    brought = {finding.rule for finding in found.findings if finding.rule.name not in before}
    assert {"onnxslim", "OpenVINO", "onnx", "onnxruntime quantization"} <= {
        rule.tool.name for rule in brought
    }
    assert {rule.effect for rule in brought} == set(Effect)


def test_worst_first_and_by_tool(grouped: Path) -> None:
    effects = [list(Effect).index(finding.rule.effect) for finding in rewriter.doctor(grouped).findings]
    assert effects == sorted(effects)
    (slim,) = {finding.rule.tool.name for finding in rewriter.doctor(grouped, ["*SLIM"]).findings}
    assert slim == "onnxslim"
    assert [tool.name for tool, _ in rewriter.doctor(grouped, ["onnxslim"]).tools] == ["onnxslim"]


def test_a_tool_that_nobody_measured_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"TensorRT.*other tools were not measured"):
        examine(Facts(), tools=["TensorRT"])


def test_mends_are_commands_for_this_file(grouped: Path) -> None:
    mends = [finding.mend for finding in rewriter.doctor(grouped).findings]
    assert all("{" not in mend for mend in mends)
    assert any("'\"'\"'s grouped.onnx" in mend for mend in mends)
    assert not any("--foreign" in mend for mend in mends)
    foreign = examine(Facts(functions=1, called=1, foreign=1, inner=1))
    assert any("--foreign" in finding.mend for finding in foreign.findings)


def test_every_rule_formats_without_a_file() -> None:
    everything = Facts(**dict.fromkeys(Facts().as_dict(), 10**10) | {"nodes": 1})
    found = examine(everything)
    assert len(found.findings) == sum(rule.holds_for(installed(rule.tool)) for rule in RULES)
    assert all(finding.because and finding.mend and finding.rule.consequence for finding in found.findings)


def test_a_rule_knows_its_versions() -> None:
    rule = replace(RULES[0], since="1.9.0", before="1.31.1")
    told = {version: rule.holds_for(version) for version in ("1.8.2", "1.9.0", "1.30.0", "1.31.1", "2.0")}
    assert told == {"1.8.2": False, "1.9.0": True, "1.30.0": True, "1.31.1": False, "2.0": False}
    assert not rule.holds_for(None)
    assert replace(rule, before="").holds_for(None)


def test_tools_that_are_missing_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(module, "version", missing)
    assert {installed for _, installed in examine(Facts()).tools} == {None}
    assert len(examine(Facts()).tools) == len(TOOLS)


CARRIED = [rule.tool.package for rule in RULES if rule.mend == Remedy.CARRY]
WAYS: dict[str, Rewriting] = {
    "onnxruntime": tools.optimised,
    "onnxslim": tools.slimmed,
    "onnxsim": tools.simplified,
    "onnx-graphsurgeon": tools.operated,
    "onnxscript": tools.folded,
}


@pytest.mark.parametrize("package", WAYS)
def test_the_tree_is_carried_over_as_the_mend_says(package: str, tmp_path: Path) -> None:
    pytest.importorskip(package.replace("-", "_"), reason=f"{package} is not installed")
    assert package in CARRIED
    original = tmp_path / "model.onnx"
    original.write_bytes(BERT.read_bytes())
    before, after = rewriter.tree(original), rewriter.tree(WAYS[package](original), like=original)
    assert {module.path for module in before if module.nodes} == {m.path for m in after if m.nodes}
    assert after.placed + after.guessed == len(after.placements)
