"""Works that `speed` measures, by name: each reads a file and writes another, and may time its parts.

A work imports its packages when it runs, so that a peer that is not installed is reported as missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import tools
from rewriter.basics.literals import FunctionsWord

Work = Callable[[Path, Path], Mapping[str, float] | None]
"""Function that reads the first file and writes the second; it may return the seconds of its parts."""


def floor(source: Path, target: Path) -> None:
    """Parse and serialise the structure, which every tool that reads and writes a file must do."""
    import onnx

    onnx.ModelProto.FromString(source.read_bytes()).SerializeToString()


def read_weights(source: Path, target: Path) -> None:
    """Read the external data once."""
    with source.with_suffix(".data").open("rb", buffering=0) as stream:
        block = memoryview(bytearray(1 << 22))
        while stream.readinto(block):
            pass


def tree(source: Path, target: Path) -> None:
    import rewriter

    rewriter.tree(source)


def evidence(source: Path, target: Path) -> None:
    """Read a file and settle its evidence, without building the tree as `tree` does."""
    from rewriter.basics import garbage
    from rewriter.evidence.settle import settle
    from rewriter.model.storage import files

    with garbage.paused():  # as in `tree`
        settle(files.load_indexed(source))


def _rewrite(
    source: Path, target: Path, functions: FunctionsWord, numbers: bool | None
) -> Mapping[str, float]:
    import rewriter

    report = rewriter.rewrite(source, target, functions=functions, numbers=numbers)
    return report.seconds


def annotate(source: Path, target: Path) -> Mapping[str, float]:
    """Annotate with the certificate."""
    return _rewrite(source, target, "none", False)


def annotate_by_default(source: Path, target: Path) -> Mapping[str, float]:
    """Annotate with the certificate, and the proof that both sessions would run the same."""
    return _rewrite(source, target, "none", None)


def annotate_numbers(source: Path, target: Path) -> Mapping[str, float]:
    return _rewrite(source, target, "none", True)


def shared(source: Path, target: Path) -> Mapping[str, float]:
    """Group into shared functions, with the certificate."""
    return _rewrite(source, target, "shared", False)


def shared_numbers(source: Path, target: Path) -> Mapping[str, float]:
    return _rewrite(source, target, "shared", True)


def onnx_round_trip(source: Path, target: Path) -> None:
    """Load and save with the weights."""
    import onnx

    target.with_suffix(".data").unlink(missing_ok=True)
    onnx.save(
        onnx.load(source), target, save_as_external_data=True, location=target.with_suffix(".data").name
    )


def onnxifier_group(source: Path, target: Path) -> None:
    """Group by names of nodes to depth 1, the default; at larger depths, 2.0.3 left these graphs empty."""
    import onnx
    import onnxifier

    model = onnx.load(source)  # given a path, it would look for the data in the working directory
    graph = onnxifier.convert_graph(model, passes=["group"], print_passes=False)
    if not graph.functions:
        raise RuntimeError("made no function")  # onnxifier only logs its errors
    graph.save(str(target))


def diagnostic_partition(source: Path, target: Path) -> None:
    """Group by the metadata of dynamo, which other files lack."""
    import onnx
    from onnx_diagnostic.helpers.onnx_helper import make_model_with_local_functions

    model = onnx.load(source, load_external_data=False)
    found = make_model_with_local_functions(model, ".*[.]layers[.][0-9]+$")
    target.write_bytes(found.SerializeToString())


def _session(source: Path, **options: bool) -> None:
    import onnxruntime

    made = onnxruntime.SessionOptions()
    made.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    made.intra_op_num_threads = 1
    made.log_severity_level = 4
    made.add_session_config_entry("session.disable_prepacking", "1")
    for name, value in options.items():
        setattr(made, name, value)
    onnxruntime.InferenceSession(source, made, providers=["CPUExecutionProvider"])


def session_default(source: Path, target: Path) -> None:
    _session(source)


def session_no_reuse(source: Path, target: Path) -> None:
    _session(source, enable_mem_reuse=False)


def session_ours(source: Path, target: Path) -> None:
    """Open a session as for numbers."""
    _session(source, enable_mem_reuse=False, enable_mem_pattern=False)


OURS: dict[str, Work] = {
    "floor": floor,
    "tree": tree,
    "annotate": annotate,
    "shared functions": shared,
}
PARTS: dict[str, Work] = {
    "evidence": evidence,
    "annotate, by default": annotate_by_default,
}
NUMBERS: dict[str, Work] = {
    "shared functions and numbers": shared_numbers,
}
SESSIONS: dict[str, Work] = {
    "session, as it comes": session_default,
    "session, no memory reuse": session_no_reuse,
    "session, nor memory pattern": session_ours,
}
PEERS: dict[str, Work] = {
    "onnx load + save": onnx_round_trip,
    "onnx-ir load + save": tools.onnx_ir,
    "graphsurgeon import + export": tools.graphsurgeon_round_trip,
    "onnxifier group": onnxifier_group,
    "onnxsim": tools.onnxsim,
    "onnxslim": tools.onnxslim,
}
DYNAMO_PEERS: dict[str, Work] = {"onnx-diagnostic partition": diagnostic_partition}
LARGE: dict[str, Work] = {
    "floor": floor,
    "read the weights": read_weights,
    "tree": tree,
    "annotate": annotate,
    "annotate and numbers": annotate_numbers,
    "shared functions": shared,
    "shared functions and numbers": shared_numbers,
}
WORKS: dict[str, Work] = {**OURS, **PARTS, **NUMBERS, **SESSIONS, **PEERS, **DYNAMO_PEERS, **LARGE}
