"""Judgements of functions at every depth, and the list of public files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
import pytest

from benchmarks import corpus_depths, corpus_list
from benchmarks.corpus import process, report
from benchmarks.corpus_pool import MEMORY
from benchmarks.corpus_worker import DEPTHS, MADE_UP, Verdict
from tests.build import model
from tests.processes import PATIENCE

NESTED = 'g (float[2] x) => (float[2] y) { ["/a/b/Relu"] p = Relu (x) ["/a/Neg"] y = Neg (p) }'
FLAT = "g (float[2] x) => (float[2] y) { p = Relu (x) q = Neg (p) y = Abs (q) }"
BROKEN = 'g (float[2] x) => (float[2] y) { ["/a/Relu"] p = Relu (x) ["/a/No"] y = Nothing (p) }'


def test_every_depth_is_judged_and_tabled(tmp_path: Path) -> None:
    for name, text in (("nested", NESTED), ("flat", FLAT), ("broken", BROKEN)):
        onnx.save(model(text), tmp_path / f"{name}.onnx")
    (tmp_path / "cut.onnx").write_bytes(b"\x08")
    paths = [(f"here/{path.stem}", path) for path in sorted(tmp_path.glob("*.onnx"))]
    found = process(paths, [DEPTHS], PATIENCE, MEMORY)
    broken, cut, flat, nested = (found[DEPTHS][name] for name, _ in paths)
    asked = {"with functions": "", "valid": "", "loads": "", "same bits": "", "near": ""}
    assert list(nested.depths) == ["call 1", "call 2", "call full", "shared 1", "shared 2", "shared full"]
    assert all(judgement == asked for judgement in nested.depths.values())
    assert flat.depths[f"{MADE_UP}call 1"] == asked
    assert (cut.verdict, cut.depths) == (Verdict.REFUSED, {})
    assert "Nothing" in broken.skipped
    assert broken.depths["call full"] == {"with functions": ""}
    assert "| here | 4 | 2 | 1 | 0 | 1 | 0 | 2 | 1 | 0 | 0 |" in report(found, "", PATIENCE, MEMORY)


def test_a_changed_copy_is_a_fault(tmp_path: Path) -> None:
    onnx.save(model(FLAT), tmp_path / "m.onnx")
    onnx.save(model(FLAT.replace("Neg", "Exp")), tmp_path / "other.onnx")
    onnx.save(model(BROKEN), tmp_path / "broken.onnx")
    original = corpus_depths.Original(tmp_path / "m.onnx", tmp_path)
    assert "off by" in original.judge(tmp_path / "other.onnx", "")["same bits"]
    assert "Nothing" in original.judge(tmp_path / "broken.onnx", "")["loads"]


def test_listed_files_are_found_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {name: name.encode() for name in map(str, range(12))}
    for name, content in contents.items():
        (tmp_path / f"{name}.onnx").write_bytes(content)
    rows = [(hashlib.sha256(content).hexdigest(), "pypi:p==1", name) for name, content in contents.items()]
    (tmp_path / "list.tsv").write_text("".join("\t".join(row) + "\n" for row in rows[:-1]))
    listed = corpus_list.listed(tmp_path / "list.tsv")
    monkeypatch.setattr(corpus_list, "listed", lambda: listed)
    every, seen, held = (dict(corpus_list.found([tmp_path], part)) for part in corpus_list.PARTS)
    assert every == {f"pypi:p/{name}": tmp_path / f"{name}.onnx" for name in list(contents)[:-1]}
    assert seen and held and not seen.keys() & held.keys()
    assert seen | held == every


def test_the_list_has_each_content_once() -> None:
    listed = corpus_list.listed()
    assert len({each.sha256 for each in listed}) == len(listed) >= 500
    assert len({each.source for each in listed}) >= 20
