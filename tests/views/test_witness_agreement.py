"""Witnesses side by side, and how right they are."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from rewriter import pipeline
from rewriter.errors import UnreadableModel
from rewriter.views.json import schema, sources_json
from rewriter.views.sidecar.document import write
from rewriter.views.truth_file import read_truth
from rewriter.views.witness_agreement import ALL, VERDICTS, compare_sources
from tests.cli.running import heard
from tests.exports import EXPORTS
from tests.views.models import small


def test_every_witness_and_all_of_them() -> None:
    analysis = pipeline.load(EXPORTS / "bert" / "dy.onnx")
    truth = read_truth(EXPORTS / "bert" / "truth.json", "dy")
    comparison = compare_sources(analysis, truth)
    rows = {row.witness: row for row in comparison.rows}
    assert list(rows) == ["exporter metadata", "parameters", ALL]
    assert rows[ALL].claimed == rows["exporter metadata"].claimed == comparison.nodes
    assert rows["parameters"].claimed < comparison.nodes
    assert rows["parameters"].verdicts["unplaced"] == comparison.nodes - rows["parameters"].claimed
    assert all(tuple(row.verdicts) == VERDICTS for row in comparison.rows)
    assert all(sum(row.verdicts.values()) == len(truth) for row in comparison.rows)
    assert rows[ALL].verdicts["exact"] == len(truth)
    assert rows[ALL].seconds >= rows["parameters"].seconds > 0
    (both, same) = comparison.agreement["exporter metadata", "parameters"]
    assert both == same == rows["parameters"].claimed


def test_a_wrong_truth_shows() -> None:
    analysis = pipeline.load(EXPORTS / "bert" / "ts.onnx")
    truth = {
        name: place.child("deeper")
        for name, place in read_truth(EXPORTS / "bert" / "truth.json", "ts").items()
    }
    verdicts = compare_sources(analysis, truth).rows[-1].verdicts
    assert verdicts["exact"] == verdicts["wrong"] == verdicts["unplaced"] == 0
    assert verdicts["ancestor"] == len(truth)


def test_forms_of_truth(tmp_path: Path) -> None:
    analysis = small()
    names = {proto.name: "enc" for proto in analysis.graph.nodes}
    flat, nested, carried = tmp_path / "a.json", tmp_path / "b.json", tmp_path / "c.modules.json"
    flat.write_text(json.dumps(names))
    nested.write_text(json.dumps({"nodes": {name: [place, 0] for name, place in names.items()}}))
    carried.write_text(write(analysis))
    assert read_truth(flat) == read_truth(nested) == names
    assert compare_sources(analysis, read_truth(carried)).rows[-1].verdicts["wrong"] == 0


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", '{"nodes": 3}', '{"files": {}}', '{"nodes": {"a": 1}}', '{"a": [5]}', '{"a": [null]}'),
        '{"nodes": {"a": "b"}, "modules": [{"path": 5, "aliases": ["b"]}]}',
    ],
)
def test_what_is_no_truth(tmp_path: Path, text: str) -> None:
    (tmp_path / "truth.json").write_text(text)
    with pytest.raises(UnreadableModel, match=r"truth\.json: .*give"):
        read_truth(tmp_path / "truth.json", "dy")


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    model, truth = EXPORTS / "bert" / "dy.onnx", EXPORTS / "bert" / "truth.json"
    code, out, _ = heard(capsys, "tree", model, "--compare-sources", "--truth", truth)
    assert code == 0
    assert "exporter metadata" in out
    assert "unplaced" in out
    code, out, _ = heard(capsys, "tree", model, "--compare-sources", "--json")
    document = json.loads(out)
    jsonschema.Draft202012Validator(schema("sources")).validate(document)
    assert code == 0
    assert document == {**sources_json(compare_sources(pipeline.load(model))), **document}
    code, out, err = heard(capsys, "tree", model, "--truth", truth)
    assert (code, out) == (2, "")
    assert "--compare-sources" in err
