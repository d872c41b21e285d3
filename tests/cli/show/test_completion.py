"""Shell completion, asked of real shells with the scripts that are printed for them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from rewriter.cli import cli
from rewriter.cli.completions import _one_atom_further
from tests import forks
from tests.exports import EXPORTS

ROOT = Path(__file__).resolve().parents[3]
BERT = EXPORTS / "bert" / "ts.onnx"
BASH = """
{script}
COMP_WORDS=({words})
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_rewriter_completion rewriter
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def printed(shell: str) -> str:
    found = CliRunner().invoke(cli, ["completion", shell])
    assert found.exit_code == 0
    return found.output


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """`rewriter` is on the path, whether it is installed or not."""
    command = tmp_path / "bin" / "rewriter"
    command.parent.mkdir()
    forks.program(command, "-m", "rewriter")
    return {
        **os.environ,
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "some", "none"),
    [
        (["fl"], {"flatten"}, {"tree"}),
        (["he"], {"help"}, {"tree"}),
        (["help", "fl"], {"flatten"}, {"tree"}),
        (["rewrite", "--rest"], {"--restore-names"}, {"--json"}),
        (["rewrite", str(BERT), "-p", "annotate,un"], {"annotate,unshare"}, {"unshare"}),
        (["select", str(BERT), "model.enc"], {"model.encoder"}, {"model.pooler"}),
        (["tree", str(BERT), "--only", "model.encoder."], {"model.encoder.layer"}, {"model.encoder.layer.0"}),
        (["split", str(BERT), "--at", "model.p"], {"model.pooler"}, {"model.encoder"}),
        (["explain", str(BERT), "/model/pooler/dense/"], {"/model/pooler/dense/Gemm"}, set()),
        (["doctor", str(BERT), "--tool", "onnxs"], {"onnxsim", "onnxslim", "onnxscript"}, {"openvino"}),
        (["completion", ""], {"bash", "zsh", "fish"}, set()),
        (["select", "missing.onnx", "model.enc"], {""}, {"model.encoder"}),
    ],
)
def test_bash_completes(
    words: list[str], some: set[str], none: set[str], environment: dict[str, str]
) -> None:
    text = BASH.format(script=printed("bash"), words=" ".join(["rewriter", *(f"'{word}'" for word in words)]))
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    replies = set(done.stdout.splitlines())
    assert some <= replies
    assert not none & replies


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_has_no_fault_its_shell_can_see(shell: str) -> None:
    script = printed(shell)
    assert "_REWRITER_COMPLETE" in script
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_paths_are_offered_one_atom_at_a_time() -> None:
    paths = ["", "encoder", "encoder.layer", "encoder.layer.0", "encoder.layer.1", "pooler"]
    assert list(_one_atom_further(iter(paths), "")) == ["encoder", "pooler"]
    assert list(_one_atom_further(iter(paths), "encoder.l")) == ["encoder.layer"]
    assert list(_one_atom_further(iter(paths), "encoder.layer.")) == ["encoder.layer.0", "encoder.layer.1"]


def test_verbs_are_completed_without_loading_one(environment: dict[str, str]) -> None:
    code = (
        "import sys\nfrom rewriter.cli import main\ntry:\n    main([])\n"
        "finally:\n    print({'onnx', 'rich', 'numpy'} & set(sys.modules))"
    )
    asked = {
        **environment,
        "_REWRITER_COMPLETE": "bash_complete",
        "COMP_WORDS": "rewriter t",
        "COMP_CWORD": "1",
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=asked, check=True)
    assert done.stdout == "plain,tree\nplain,tap\nset()\n"
