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
from pathlib import Path

import pytest

import rewriter
from rewriter.passes import plugins
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import as_text
from rewriter.passes.syntax import OWN, parse_passes
from rewriter.refusals import NotEquivalent, UsageError
from tests import forks
from tests.build import chain
from tests.exports import EXPORTS

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "writing-a-pass.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)(?: file=(\S+))?\n(.*?)\n```", PAGE, flags=re.DOTALL)

HEAD = """
from dataclasses import dataclass
from typing import ClassVar
from rewriter import Outcome

@dataclass(frozen=True)
class Mine:
    \"\"\"Does something.\"\"\"
    name: ClassVar[str] = "mine"
    needs_analysis: ClassVar[bool] = True
    factor: float = 1.5
    def run(self, analysis):
"""
WORKS = HEAD + "        return Outcome({'made': int(self.factor * 2)})\n"


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
    with pytest.raises(UsageError, match=r"flatten, mine$"):
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
        ("return 7", "some-passes 1.0: run gives int, not an Outcome"),
    ],
)
def test_a_pass_that_fails_names_its_package_and_writes_nothing(
    body: str, says: str, site: Path, tmp_path: Path
) -> None:
    name = f"failing_{len(body)}"
    install(site, "some-passes", f"mine = {name}:Mine", **{name: f"{HEAD}        {body}\n"})
    with pytest.raises(UsageError, match=re.escape(says)):
        rewriter.rewrite(chain("/a/Relu"), tmp_path / "o.onnx", passes="mine", numbers=False)
    assert not (tmp_path / "o.onnx").exists()


def test_a_pass_that_breaks_the_model_is_found_out(site: Path, tmp_path: Path) -> None:
    breaks = "        analysis.graph.nodes[0].op_type = 'Neg'\n        return Outcome({'broken': 1})\n"
    install(site, "some-passes", "mine = breaking:Mine", breaking=HEAD + breaks)
    with pytest.raises(NotEquivalent):
        rewriter.rewrite(chain("/a/Relu"), tmp_path / "o.onnx", passes="mine", numbers=False)


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
        "import rewriter, sys; from rewriter.passes.syntax import parse_passes;"
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
