from __future__ import annotations

import io
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from rewriter.evidence.claims import Claim, Source
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.build import analyse
from rewriter.passes.base import Outcome
from rewriter.paths import ModulePath
from rewriter.proof.certificate import Certificate
from rewriter.refusals import Reason, Refusal
from rewriter.runtime.compare.tolerance import Tolerance
from rewriter.verdict.numbers import IDENTICAL, OPTIMISED, Numeric
from rewriter.verdict.verification import Verification
from rewriter.views.rewrite_report import PassRecord, Report
from rewriter.views.summary import summarize
from rewriter.views.text.claims import print_claims
from rewriter.views.text.parts import cut_middle
from rewriter.views.text.rewrite_report import print_report, print_verification
from rewriter.views.text.tree import print_tree
from tests.build import model
from tests.evidence.folded import Product, products
from tests.views.models import named, small, unplaced

EQUAL = Certificate(equal=True, outputs=2)
HOSTILE = [
    "\x1b]0;title\x07",
    "[red]x[/red]",
    "a\r\nb",
    "\u202eevil",
    "\x9b2J",
    ":smile:",
    "層" * 60,
    "[/]",
    "",
]


def console(width: int = 80, encoding: str = "utf-8", terminal: bool = False) -> Console:
    """A console that writes to memory."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    return Console(file=file, width=width, force_terminal=terminal, legacy_windows=False)


def printed(to: Console) -> str:
    to.file.flush()
    assert isinstance(to.file, io.TextIOWrapper)
    buffer = to.file.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(to.file.encoding)


def shown_tree(of: Analysis, width: int = 80, depth: int | None = None, only: str | None = None) -> str:
    to = console(width)
    print_tree(of, to, depth, None if only is None else [module.path for module in of.tree.select(only)])
    return printed(to)


@pytest.mark.parametrize("name", [" ", "a ", " a"])
def test_a_name_with_spaces_at_its_ends_stands_in_quotes(name: str) -> None:
    nodes = f'["/{name}/Neg"] a = Neg (x) ["/{name}/Abs"] y = Abs (a)'
    found = analyse(GraphIndex(model(f"g (float[2] x) => (float[2] y) {{ {nodes} }}")))
    assert f"└─ '{name}'" in shown_tree(found)


def test_tree_of_a_small_model() -> None:
    assert shown_tree(small()) == (
        "small.onnx · pytorch 2.13.0 · opset 20 · com.example 3 · 5 nodes\n"
        "2 initializers\n"
        "4 of 5 nodes placed · 3 by scope name · 1 by parameter\n"
        "1 with conflicting evidence\n"
        "\n"
        "module     class   nodes/all  params  calls  share\n"
        "(root)     Net         0/4        20         100% ████████\n"
        "└─ enc                 0/4        20         100% ████████\n"
        "   ├─ fc   Linear      2/2        20         100% ████████\n"
        "   └─ act  ReLU        2/2               ×2\n"  # noqa: RUF001
    )


FOLDED = analyse(
    GraphIndex(
        products([Product(("block", "block.bn"), "block.conv.weight")], classes={"block.bn": "m.Norm"})
    )
)


def test_the_line_of_a_folded_norm_says_where_it_is() -> None:
    assert shown_tree(FOLDED).partition("\n\n")[2] == (
        "module      class    nodes/all  params  share\n"
        "(root)      Module       1/2         4  100% ████████\n"
        "└─ block    Module       0/1         4  100% ████████\n"
        "   ├─ conv  Conv2d?      1/1         4  100% ████████\n"
        "   └─ bn    Norm         0/0  folded into conv\n"
    )


@pytest.mark.parametrize("width", [20, 34, 40, 45])
def test_where_a_norm_is_fits_the_console(width: int) -> None:
    assert max(map(cell_len, shown_tree(FOLDED, width).splitlines())) <= width


def test_a_file_without_hierarchy_gets_no_tree() -> None:
    text = shown_tree(unplaced(), 200)
    assert text.splitlines()[1:] == [
        "no module hierarchy found in this file: none of 5 nodes could be placed",
        "what would help: the file as its exporter wrote it (optimisers drop scopes), "
        "a fresh export at opset 18 or newer, "
        "or evidence of the modules: --like, --reference, --checkpoint or --trace",
    ]


def test_depth_and_selection() -> None:
    assert "└─ enc  +2 " in shown_tree(small(), depth=1)
    assert "act" not in shown_tree(small(), only="**.fc")


def test_alike_layers_share_a_line_in_a_long_tree() -> None:
    paths = [f"layers.{i}.{part}" for i in range(40) for part in ("norm", "fc")]
    lines = shown_tree(named(paths, paths)).splitlines()
    assert any("0 … 39  40 alike" in line for line in lines)
    assert len(lines) == 10
    assert lines[-1] == "lines for several modules give the figures of each one of them"


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_nothing_is_wider_than_the_console_and_columns_align(width: int) -> None:
    paths = [f"{'long_name_' * 6}.層.{'x' * 90}.{i}.{'deep.' * 8}end" for i in range(4)]
    lines = shown_tree(named(paths, paths), width).splitlines()
    assert max(map(cell_len, lines)) <= width
    rows = lines[lines.index("") + 1 :]
    assert len(rows) == 1 + len(named(paths, paths).tree)
    slashes = {cell_len(row[: row.rindex("/")]) for row in rows if "/" in row}
    assert len(slashes) == 1


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_names_from_a_file_steer_nothing(name: str, encoding: str) -> None:
    of = named([name], [name.replace(".", "") or "a"])
    of.model.producer_name = name
    of = replace(of, path=Path("d", name) if name else None)
    to = console(60, encoding)
    print_tree(of, to)
    print_claims(of, 0, to)
    refusal = Refusal(ModulePath(name), Reason.NAME_TAKEN, name)
    failed = Verification(Certificate(equal=False, outputs=1, difference=name), None)
    passes = (PassRecord(name, Outcome({name: 1})),)
    file = summarize(of)
    print_report(Report(of, file, file, of.tree, passes, (refusal,), failed, {name: 1.0}, (), ()), to)
    text = printed(to)
    assert all(char.isprintable() for char in text.replace("\n", ""))
    assert "\r" not in text
    if name.startswith("[") or name == ":smile:":
        assert text.count(name) > 5


def test_a_terminal_gets_styles_but_no_codes_from_the_file() -> None:
    to = console(60, terminal=True)
    print_tree(named(["a"], ["\x1b[5mblink"]), to)
    assert "\x1b[2m" in printed(to)
    assert "\x1b[5m" not in printed(to)


def report(**changes: object) -> Report:
    whole = Report(
        analysis=small(),
        before=summarize(small()),
        after=summarize(small()),
        tree=small().tree,
        passes=(
            PassRecord("annotate", Outcome({"nodes tagged": 4, "functions tagged": 0})),
            PassRecord("share", Outcome({})),
        ),
        refusals=(),
        verification=Verification(EQUAL, Numeric(runs=3, max_abs=0.0, exact=True)),
        seconds={"load": 0.5, "verify": 1.0},
        outputs=(),
        removed=(),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_the_head_is_of_the_input_and_the_result_has_its_own_line() -> None:
    before = summarize(small())
    after = replace(before, nodes=1234, functions={"modules": 2}, initializers=1, opset=21)
    lines = shown_report(report(before=before, after=after)).splitlines()
    assert f"{before.nodes} nodes" in lines[0]
    (result,) = [line for line in lines if line.startswith("result")]
    assert result == "result    opset 21 · com.example 3 · 2 functions · 1,234 nodes · 1 initializer"
    assert "result" not in shown_report(report())


def shown_report(of: Report, width: int = 100) -> str:
    to = console(width)
    print_report(of, to)
    return printed(to)


def test_report_of_a_rewrite(tmp_path: Path) -> None:
    written = tmp_path / "o"
    written.write_bytes(bytes(1500))
    lines = shown_report(report(outputs=(written, tmp_path / "p")), 400).splitlines()
    assert lines[1:] == [
        "tree      4 of 5 nodes placed · 3 by scope name · 1 by parameter · 1 with conflicting evidence",
        "passes    annotate: 4 nodes tagged",
        "          share: nothing to change",
        "proof     ✓ equal · certificate: equal at 2 of 2 outputs · "
        "onnxruntime: 3 runs, bit for bit the same",
        f"written   {written} (1.5 kB) · {tmp_path / 'p'} (gone since)",
        "took      load 0.50 s · verify 1.00 s · 1.50 s in all",
    ]


def test_a_dry_run_says_that_nothing_was_written() -> None:
    assert "written   nothing" in shown_report(report())


def test_many_refusals_are_counted() -> None:
    refusals = tuple(Refusal(ModulePath(f"m{i}"), Reason.AMBIGUOUS, f"n{i}") for i in range(8))
    text = shown_report(report(refusals=refusals))
    assert "refused   8 not done" in text
    assert "m4: the evidence allows more than one answer (n4)" in text
    assert "m5" not in text
    assert "and 3 more" in text
    assert "more than" in shown_report(report(refusals=refusals[:6]))
    assert " 1 more" not in shown_report(report(refusals=refusals[:6]))


def apart(**changes: Any) -> Numeric:
    """Numbers that differ."""
    told = {"exact": False, "worst_output": "y", "where": "input set 1: y[0, 3]"}
    return Numeric(3, **{**told, **changes})


PLACE = "at output 'y' (input set 1: y[0, 3])"


@pytest.mark.parametrize(
    ("numeric", "words"),
    [
        (None, "✓ equal · certificate: equal at 2 of 2 outputs · numbers not asked for"),
        (Numeric(1, max_abs=0.0, exact=True), "✓ equal .* onnxruntime: 1 run, bit for bit the same"),
        (
            apart(worst_abs=2.5e-7, relative=1e-7, rounding=True),
            f"? not proved .* bits differ by up to 2.5e-07, 1e-07 of the largest value, {PLACE}: rounding is",
        ),
        (
            apart(worst_abs=2.5, relative=0.5, rounding=False),
            f"✗ different .* 3 runs, off by up to 2.5, 0.5 of the largest value, {PLACE}",
        ),
        (
            apart(worst_abs=math.inf, relative=math.inf, rounding=False),
            f"✗ different .* other results {PLACE}",
        ),
        (
            apart(worst_abs=1.0, relative=math.inf, rounding=False),
            f"✗ different .* off by up to 1 {PLACE}",
        ),
        (
            apart(worst_abs=2.5, relative=0.5, within=True, tolerance=Tolerance(0.6)),
            f"? not proved .* within --tolerance 0.6: off by up to 2.5, 0.5 of the largest value, {PLACE}",
        ),
        (
            apart(worst_abs=2.5, relative=0.5, within=False, tolerance=Tolerance(rtol=0.1, atol=0)),
            f"✗ different .* beyond --rtol 0.1 --atol 0: off by up to 2.5, 0.5 of the largest value, {PLACE}",
        ),
        (Numeric(skipped="no runtime"), "✓ equal .* numbers not taken: no runtime"),
        (Numeric(error="it crashed"), "? not proved .* numbers not taken: it crashed"),
    ],
)
def test_the_proof_in_one_line(numeric: Numeric | None, words: str) -> None:
    to = console(300)
    print_verification(Verification(EQUAL, numeric), to)
    assert re.search(".*".join(map(re.escape, words.split(".*"))), printed(to))


def test_numbers_that_were_demanded_and_not_taken_get_no_mark() -> None:
    to = console(300)
    print_verification(Verification(EQUAL, Numeric(skipped="no runtime"), demanded=True), to)
    assert "? equal" in printed(to) and "numbers not taken: no runtime" in printed(to)


def test_a_model_that_is_the_same_byte_for_byte() -> None:
    to = console(300)
    print_verification(Verification(Certificate(True, 1, identical=True), IDENTICAL), to)
    assert "✓ equal · all that a runtime executes is the same, byte for byte · numbers not needed" in printed(
        to
    )


def test_an_interface_that_does_not_fit() -> None:
    to = console(300)
    certificate = Certificate(False, 0, "one model has 1 inputs, the other 2", interface=True, mismatch=True)
    print_verification(Verification(certificate, None), to)
    assert "✗ different · interface: one model has 1 inputs, the other 2" in printed(to)


def test_optimised_numbers_are_one_more_phrase() -> None:
    to = console(400)
    exact = Numeric(3, exact=True)
    far = apart(worst_abs=5.0, relative=0.5, within=False, tolerance=OPTIMISED)
    print_verification(Verification(EQUAL, exact, far, demanded=True), to)
    assert "onnxruntime: 3 runs, bit for bit the same · with all optimisations, onnxruntime: " in printed(to)
    assert "✗ different" in printed(to)


def test_a_proof_that_fails_names_the_difference() -> None:
    to = console(120)
    print_verification(Verification(Certificate(False, 2, "y: Add, not Sub"), None), to)
    assert printed(to) == "proof     ? not proved · certificate: y: Add, not Sub · numbers not asked for\n"


def test_claims_on_a_node_the_winner_first() -> None:
    of = small()
    claims = (
        Claim(1, ModulePath("enc.fc"), "torch.nn.Linear", Source.PARAMETER, None, "enc.fc.bias"),
        Claim(1, ModulePath("enc"), None, Source.SCOPE_NAME, 0, "x" * 500),
    )
    to = console(120)
    print_claims(replace(of, claims=(of.claims[0], claims, *of.claims[2:])), 1, to)
    assert printed(to).splitlines() == [
        "/enc/fc/Add",
        "op        Add",
        "outputs   a",
        "module    enc.fc",
        "class     torch.nn.modules.linear.Linear",
        "call      1 of 1",
        "evidence  parameter",
        "certainty inferred · only reader of a named weight",
        "conflict  enc",
        "claims    ✓ parameter: enc.fc · torch.nn.Linear · read from enc.fc.bias",
        "            scope name: enc · call 1",
        f"          read from {'x' * 50}…{'x' * 49}",
    ]


def test_what_was_tried_on_a_node_nobody_placed() -> None:
    to = console(140)
    print_claims(small(), 4, to)
    lines = printed(to).splitlines()
    assert "module    not placed: no evidence names a module" in lines
    assert "tried     metadata: none" in lines
    assert "          its name: Identity_0" in lines
    assert "          initializers it reads: none" in lines
    assert any(line.strip().startswith("what would help") for line in lines)


def test_no_such_node() -> None:
    with pytest.raises(IndexError):
        print_claims(small(), 5, console())


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abcdefghijkl", 9, "abcd…ijkl"),
        ("abcdefghijkl", 12, "abcdefghijkl"),
        ("编码器模块甲乙丙丁.层", 9, "编码….层"),  # a wide character takes two cells
        ("编码器模块", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_a_text_loses_its_middle_by_cells(text: str, width: int, shown: str) -> None:
    assert cut_middle(text, width, "…") == shown
