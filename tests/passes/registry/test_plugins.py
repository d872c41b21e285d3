"""Passes of other packages: found by entry points, named where they are broken, never loaded in vain."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

import rewriter
from rewriter.errors import NotProved, UsageError
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import as_text
from rewriter.passes.preserved_parts import Part
from rewriter.passes.registry import plugins
from rewriter.passes.registry.builtin_passes import OWN, PASSES
from rewriter.passes.registry.outcomes import NOT_COUNTED
from rewriter.passes.registry.syntax import parse_passes
from tests import forks
from tests.build import chain
from tests.cli.running import heard
from tests.exports import EXPORTS

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "writing-a-pass.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)(?: file=(\S+))?\n(.*?)\n```", PAGE, flags=re.DOTALL)

HEAD = """
from dataclasses import dataclass
from typing import ClassVar
from rewriter import Outcome, Part

@dataclass(frozen=True)
class Mine:
    \"\"\"Does something.\"\"\"
    name: ClassVar[str] = "mine"
    requires: ClassVar[frozenset[Part]] = frozenset(Part)
    preserves: ClassVar[frozenset[Part]] = frozenset()
    factor: float = 1.5
    def run(self, analysis):
"""
WORKS = (
    HEAD
    + "        analysis.model.doc_string = 'mine'\n"
    + "        return Outcome({'made': int(self.factor * 2)})\n"
)


def install(folder: Path, package: str, points: str, **modules: str) -> None:
    """Lay a package out as an installer does."""
    for name, code in modules.items():
        (folder / f"{name}.py").write_text(code)
    info = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[rewriter.passes]\n{points}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(plugins, "_PACKAGES", {})
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(folder) in str(sys.modules[name].__file__):
            del sys.modules[name]


def test_without_packages_there_is_nothing() -> None:
    assert plugins.find_plugins(OWN) == ()
    assert plugins.package_of(Annotate) is None


def test_a_pass_is_found_with_its_options(site: Path) -> None:
    install(site, "some-passes", "mine = some_passes:Mine", some_passes=WORKS)
    steps = parse_passes("annotate,mine{factor=2.5}")
    assert as_text(steps[1]) == "mine{factor=2.5}"
    assert plugins.package_of(type(steps[1])) == "some-passes 1.0"
    report = rewriter.rewrite(chain("/a/Relu"), passes=steps, numbers=False)
    assert report.passes[1].changes == {"made": 5}
    with pytest.raises(UsageError, match=r"mine\{factor\}: 'much' is no number"):
        parse_passes("mine{factor=much}")
    with pytest.raises(UsageError, match=rf"there are .* and {len(PASSES) - 3} more, see 'rewriter passes'$"):
        parse_passes("nonsense")


def test_our_names_are_ours_and_packages_share_none(site: Path) -> None:
    install(site, "thief", "group = thief:Mine\nmine = thief:Mine", thief=WORKS)
    assert parse_passes("group")[0].__class__.__module__ == "rewriter.passes.group"
    install(site, "other", "mine = thief:Mine")
    with pytest.raises(UsageError, match=r"comes with other 1\.0 and thief 1\.0; uninstall one"):
        parse_passes("mine")


BROKEN = {
    "no module": ("mine = nowhere:Mine", "", "ModuleNotFoundError: No module named 'nowhere'"),
    "no class": ("mine = code:Other", WORKS, "AttributeError: module 'code' has no attribute 'Other'"),
    "raises": ("mine = code:Mine", "raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
    "no dataclass": ("mine = code:Mine", "def Mine(): pass", "is no dataclass"),
    "another name": ("yours = code:Mine", WORKS, "its class is called 'mine'"),
    "no run": ("mine = code:Mine", WORKS.replace("def run", "def walk"), "has no run"),
    "no default": ("mine = code:Mine", WORKS.replace(" = 1.5", ""), "option 'factor' has no default"),
    "a list": ("mine = code:Mine", WORKS.replace("1.5", "()"), "option 'factor' is neither text nor"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_package_is_named_in_one_line(fault: str, site: Path) -> None:
    point, code, says = BROKEN[fault]
    shutil.rmtree(site / "__pycache__", ignore_errors=True)
    install(
        site, "some-passes", point.replace("code:", f"code_{len(fault)}:"), **{f"code_{len(fault)}": code}
    )
    with pytest.raises(
        UsageError, match=r"pass '\w+' of package some-passes 1\.0: .*; mend or uninstall"
    ) as told:
        parse_passes(point.partition(" ")[0])
    assert says.replace("'code'", f"'code_{len(fault)}'") in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise KeyError('gone')", "some-passes 1.0: KeyError: 'gone'; mend or uninstall"),
        ("raise SystemExit(0)", "some-passes 1.0: SystemExit: 0; mend or uninstall"),
        ("import sys; sys.exit('bye')", "some-passes 1.0: SystemExit: bye; mend"),
        ("raise GeneratorExit", "some-passes 1.0: GeneratorExit; mend"),
        ("raise type('Own', (BaseException,), {})('x\\ny')", "some-passes 1.0: Own: x y; mend"),
        (
            "from rewriter.errors import UsageError; raise UsageError('no')",
            "pass 'mine' of package some-passes 1.0: no",
        ),
        ("return 7", "some-passes 1.0: run gives int, not an Outcome"),
        ("return Outcome({'made': 'many'})", "changes of its Outcome do not map kinds of change to counts"),
        ("return Outcome({'made': -1})", "changes of its Outcome do not map kinds of change to counts"),
        ("return Outcome(None)", "changes of its Outcome do not map kinds of change to counts"),
        ("return Outcome({}, refusals=['no'])", "refusals or differences of its Outcome have a wrong type"),
        ("return Outcome({}, copies=3)", "copies of its Outcome do not map names to names"),
        (
            "analysis.graph.nodes[0].input[0] = 'gone'; return Outcome({'broken': 1})",
            "leaves a model that cannot be read",
        ),
    ],
)
def test_a_pass_that_fails_names_its_package_and_writes_nothing(
    body: str, says: str, site: Path, tmp_path: Path
) -> None:
    name = f"failing_{abs(hash(body))}"
    install(site, "some-passes", f"mine = {name}:Mine", **{name: f"{HEAD}        {body}\n"})
    with pytest.raises(UsageError, match=re.escape(says)):
        rewriter.rewrite(chain("/a/Relu"), tmp_path / "o.onnx", passes="mine", numbers=False)
    assert not (tmp_path / "o.onnx").exists()


def test_a_pass_that_breaks_the_model_is_found_out(site: Path, tmp_path: Path) -> None:
    breaks = "        analysis.graph.nodes[0].op_type = 'Neg'\n        return Outcome({'broken': 1})\n"
    install(site, "some-passes", "mine = breaking:Mine", breaking=HEAD + breaks)
    with pytest.raises(NotProved, match=r"pass 'mine' of package some-passes 1\.0 ran: mend or uninstall"):
        rewriter.rewrite(chain("/a/Relu"), tmp_path / "o.onnx", passes="mine", numbers=False)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return Outcome({'made': 5})", {"made": 0}),
        ("analysis.model.doc_string = 'x'; return Outcome({'made': 5})", {"made": 5}),
        ("analysis.model.doc_string = 'x'; return Outcome({'made': 0})", {"made": 0, NOT_COUNTED: 1}),
        ("analysis.model.doc_string = 'x'; return Outcome({})", {NOT_COUNTED: 1}),
        ("return Outcome({})", {}),
    ],
)
def test_what_is_told_is_what_the_model_shows(body: str, told: dict[str, int], site: Path) -> None:
    name = f"telling_{len(body)}"
    install(site, "some-passes", f"mine = {name}:Mine", **{name: f"{HEAD}        {body}\n"})
    assert rewriter.rewrite(chain("/a/Relu"), passes="mine", numbers=False).passes[0].changes == told


def test_later_passes_see_what_one_changed_and_did_not_tell(site: Path) -> None:
    body = """
        from onnx import helper
        last = analysis.model.graph.node[-1]
        last.output[0] = "between"
        analysis.model.graph.node.append(helper.make_node("Identity", ["between"], ["y"], name="/b/Identity"))
        return Outcome({}, analysis=analysis)
"""
    install(site, "some-passes", "mine = hiding:Mine", hiding=HEAD + body)
    model = chain("/a/Relu")
    model.graph.output[0].name = model.graph.node[-1].output[0] = "y"
    report = rewriter.rewrite(model, passes="mine,annotate", numbers=False)
    assert report.passes[1].changes == {"nodes annotated": 2}


def test_what_is_printed_goes_to_stderr(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = "        print('chatter')\n        return Outcome({})\n"
    install(site, "some-passes", "mine = chatting:Mine", chatting=HEAD + body)
    rewriter.rewrite(chain("/a/Relu"), passes="mine", numbers=False)
    assert capsys.readouterr() == ("", "chatter\n")


def test_a_callers_own_pass_has_to_give_an_outcome() -> None:
    @dataclass(frozen=True)
    class Mine:
        name: ClassVar[str] = "mine"
        requires: ClassVar[frozenset[Part]] = frozenset()
        preserves: ClassVar[frozenset[Part]] = frozenset()

        def run(self, analysis: object) -> None:
            return None

    with pytest.raises(UsageError, match="pass 'mine': run gives NoneType, not an Outcome"):
        rewriter.rewrite(chain("/a/Relu"), passes=[Mine()], numbers=False)  # type: ignore[list-item]


LEAVES = {
    "at import": "raise SystemExit(0)",
    "as it is made": WORKS + "    def __post_init__(self):\n        raise SystemExit(0)\n",
    "as it runs": f"{HEAD}        raise SystemExit(0)\n",
}


@pytest.mark.parametrize("when", LEAVES)
def test_a_package_that_leaves_does_not_end_the_run_in_silence(
    when: str, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"leaving_{len(when)}"
    install(site, "some-passes", f"mine = {name}:Mine", **{name: LEAVES[when]})
    out = tmp_path / "o.onnx"
    words = ("rewrite", EXPORTS / "module_dict" / "dy.onnx", "-o", out, "-p", "annotate,mine", "--no-numbers")
    said = "rewriter: pass 'mine' of package some-passes 1.0: SystemExit: 0; mend or uninstall the package\n"
    assert heard(capsys, *words) == (2, "", said)
    assert not out.exists()


def test_an_interrupt_is_one(site: Path, tmp_path: Path) -> None:
    """Ctrl-C while a pass of a package runs: `signal` raises it in the code of the package."""
    body = (
        "        import os, signal\n        os.kill(os.getpid(), signal.SIGINT)\n        return Outcome({})\n"
    )
    install(site, "some-passes", "mine = busy:Mine", busy=HEAD + body)
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from rewriter.cli import main; main(sys.argv[1:])"
    )
    words = ("rewrite", str(EXPORTS / "module_dict" / "dy.onnx"), "--dry-run", "-p", "mine", "--no-numbers")
    done = run("-c", code, *words, cwd=site, path=site)
    assert (done.returncode, done.stderr.strip()) == (130, "rewriter: interrupted")


def run(*words: str, cwd: Path, path: Path) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(path), str(ROOT)])
    return forks.run(*words, cwd=cwd, env={**os.environ, "PYTHONPATH": paths})


def test_the_list_shows_whole_and_names_broken_ones(site: Path) -> None:
    install(site, "some-passes", "mine = listed:Mine", listed=WORKS)
    install(site, "broken", "yours = nowhere:Yours")
    done = run("-m", "rewriter", "passes", "--json", cwd=site, path=site)
    assert done.returncode == 0
    *_, last = json.loads(done.stdout)["passes"]
    assert last == {
        "name": "mine",
        "purpose": "Does something.",
        "options": {"factor": 1.5},
        "package": "some-passes 1.0",
    }
    (line,) = done.stderr.splitlines()
    assert line.startswith("rewriter: pass 'yours' of package broken 1.0: ModuleNotFoundError")
    shown = run("-m", "rewriter", "passes", cwd=site, path=site).stdout
    assert "mine{factor=1.5}  from some-passes 1.0" in shown


def test_nothing_is_loaded_that_is_not_asked_for(site: Path) -> None:
    install(site, "loud", "mine = loud:Mine", loud="raise SystemExit('loaded')")
    code = (
        "import rewriter, sys; from rewriter.passes.registry.syntax import parse_passes;"
        "parse_passes('annotate,unshare,group{depth=2},share'); print('loud' in sys.modules)"
    )
    assert run("-c", code, cwd=site, path=site).stdout == "False\n"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The package of docs/writing-a-pass.md, laid out as pip would."""
    files = {name: text for _, name, text in BLOCKS if name}
    points = tomllib.loads(files["pyproject.toml"])["project"]["entry-points"][plugins.GROUP]
    install(
        tmp_path,
        "strip-metadata",
        "\n".join(f"{name} = {target}" for name, target in points.items()),
        **{Path(name).stem: text for name, text in files.items() if name.endswith(".py")},
    )
    shutil.copy(EXPORTS / "bert" / "dy.onnx", tmp_path / "bert.onnx")
    return tmp_path


def test_the_example_on_the_page_works(example: Path) -> None:
    (shell,) = (text for language, _, text in BLOCKS if language == "sh")
    for line in shell.splitlines():
        words = re.findall(r"'[^']*'|\S+", line)[1:]
        done = run("-m", "rewriter", *(word.strip("'") for word in words), cwd=example, path=example)
        assert done.returncode == 0, done.stderr
        assert "strip_metadata" in done.stdout
    for code in (text for language, name, text in BLOCKS if language == "python" and not name):
        done = run("-c", code, cwd=example, path=example)
        assert done.returncode == 0, done.stderr
    tests = run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_strip_metadata.py", cwd=example, path=example
    )
    assert "3 passed" in tests.stdout, tests.stdout
