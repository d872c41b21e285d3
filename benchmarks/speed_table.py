"""Writes the samples of `speed` as a page: claims with measurements, tables, and a plot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks import plot
from benchmarks.reporting import RESULTS, environment, publish, table
from benchmarks.speed_samples import Samples
from benchmarks.speed_works import DYNAMO_PEERS, LARGE, NUMBERS, OURS, PARTS, PEERS, SESSIONS

_MAIN, _SHUFFLED, _DYNAMO = "torchscript", "torchscript, shuffled", "dynamo"
_FROM = 10_000
"""Minimum number of nodes of the files from which exponents are computed."""
_AT, _PEERS_AT = 100_000, 10_000
_NONE = "-"
_MB = 1e6
_PLOTTED = (
    *OURS,
    "onnx-ir load + save",
    "graphsurgeon import + export",
    "onnxifier group",
    "onnxsim",
    "onnxslim",
)

_HEAD = """# Speed

`python -m benchmarks.speed`: every measurement is a process of its own, after a warm-up on a file of 300
nodes; the measured programs alternate. Seconds are medians of CPU time, with child processes; ratios are
ratios of medians. The floor is parsing and serialising the structure, without weights. The graphs are
repeated layers of an exported fixture, with external weights. Cells name the number of runs if it is below 5.
"""


def publish_speed(samples: Samples) -> None:
    """Write `results/speed.md` and `results/speed.svg`."""
    parts = [_HEAD, f"{environment()} {_versions()}", "\n## Measurements\n", _asked(samples)]
    kinds = list(dict.fromkeys(kind for kind, nodes, _ in (*samples.found, *samples.faults) if nodes > 300))
    if kinds:
        parts += ["\n![CPU over nodes](speed.svg)", "\n## CPU seconds (times the floor)\n"]
        parts += [text for kind in kinds for text in (f"\n{kind}:\n", _seconds(samples, kind))]
        parts += ["\n## Stations, wall seconds\n", _stations(samples)]
        parts += ["\n## Growth: exponents from 10k nodes on\n", _exponents(samples, kinds)]
        parts += ["\n## Peak memory above imports, MB (times the structure)\n", _memory(samples, kinds)]
        lines = {work: _line(samples, work) for work in _PLOTTED}
        if any(lines.values()):
            picture = plot.log_log("One file, once", "nodes", "CPU seconds", lines)
            (RESULTS / "speed.svg").write_text(picture, encoding="utf-8")
    if samples.data:
        parts += ["\n## Real exports\n", _real(samples)]
    publish("speed", "\n".join(parts))


def _versions() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    found = []
    for name in ("onnx-ir", "onnx-graphsurgeon", "onnxsim", "onnxslim", "onnx-diagnostic", "onnxifier"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return f"Peers: {', '.join(found)}."


def _line(samples: Samples, work: str) -> plot.Line:
    found = [(nodes, samples.median(_MAIN, nodes, work)) for nodes in samples.sizes(_MAIN)]
    return [(float(nodes), seconds) for nodes, seconds in found if seconds]


def _seconds(samples: Samples, kind: str) -> str:
    sizes = samples.sizes(kind)
    works = (*OURS, *PARTS, *NUMBERS, *SESSIONS, *PEERS, *DYNAMO_PEERS)
    rows = [
        [work, *(_cell(samples, kind, nodes, work) for nodes in sizes)]
        for work in works
        if any(samples.of(kind, nodes, work) or (kind, nodes, work) in samples.faults for nodes in sizes)
    ]
    return table(["", *(f"{nodes:,}" for nodes in sizes)], rows)


def _cell(samples: Samples, kind: str, nodes: int, work: str) -> str:
    seconds, ratio = samples.median(kind, nodes, work), samples.ratio(kind, nodes, work, "floor")
    if seconds is None:
        return (samples.fault(kind, nodes, work) or _NONE).replace("|", "/")[:60]
    count = len(samples.of(kind, nodes, work))
    runs = "" if count >= 5 else f", {count} run{'s' if count > 1 else ''}"
    return f"{_figure(seconds)} ({_figure(ratio)}x{runs})" if ratio is not None else _figure(seconds)


def _figure(number: float) -> str:
    return f"{number:.3f}" if number < 1 else f"{number:.3g}" if number < 1000 else f"{number:,.0f}"


def _stations(samples: Samples) -> str:
    sizes = samples.sizes(_MAIN)
    rows = []
    for work in ("annotate", "shared functions", "annotate, by default", *NUMBERS):
        done = [each for nodes in sizes for each in samples.of(_MAIN, nodes, work)]
        for station in dict.fromkeys(part for each in done for part in each.parts):
            cells = [samples.part(_MAIN, nodes, work, station) for nodes in sizes]
            rows.append([f"{work}: {station}", *(_NONE if each is None else _figure(each) for each in cells)])
    return table(["", *(f"{nodes:,}" for nodes in sizes)], rows)


def _exponents(samples: Samples, kinds: Sequence[str]) -> str:
    works = (*OURS, *PEERS)
    rows = []
    for kind in kinds:
        found = [samples.exponent(kind, work, _FROM) for work in works]
        rows.append([kind, *(_NONE if each is None else f"{each:.2f}" for each in found)])
    return table(["", *works], rows)


def _memory(samples: Samples, kinds: Sequence[str]) -> str:
    rows = []
    for kind in kinds:
        for nodes in samples.sizes(kind):
            structure = samples.bytes.get((kind, nodes))
            cells = [samples.median(kind, nodes, work, "peak") for work in (*OURS, *PEERS)]
            told = [
                _NONE if each is None or not structure else f"{each / _MB:.0f} ({each / structure:.1f}x)"
                for each in cells
            ]
            rows.append([f"{kind}, {nodes:,}", f"{(structure or 0) / _MB:.1f}", *told])
    return table(["", "structure", *OURS, *PEERS], rows)


def _real(samples: Samples) -> str:
    rows = []
    for kind, size in samples.data.items():
        for work in LARGE:
            figures = {
                field: samples.median(kind, 0, work, field)
                for field in ("wall", "cpu", "peak", "child", "own")
            }
            if figures["wall"] is None:
                continue
            memory = [figures[name] or 0.0 for name in ("peak", "child", "own")]
            rows.append(
                [
                    f"{kind}, {size / _MB:,.0f} MB: {work}",
                    _figure(figures["wall"] or 0.0),
                    _figure(figures["cpu"] or 0.0),
                    *(f"{each / _MB:,.0f}" for each in memory),
                ]
            )
    return table(["", "wall s", "CPU s", "peak MB", "child: peak MB", "child: own MB"], rows)


def _asked(samples: Samples) -> str:
    rows = [
        [what, asked, _NONE if found is None else f"{found:.3g}", _verdict(found, asked)]
        for what, asked, found in _shows(samples)
    ]
    return table(["", "target", "measured", ""], rows)


def _verdict(found: float | None, asked: str) -> str:
    if found is None:
        return "not measured"
    bound = float(asked[2:].split(maxsplit=1)[0])
    return "yes" if (found <= bound if asked.startswith("<=") else found >= bound) else "NO"


def _shows(samples: Samples) -> Iterator[tuple[str, str, float | None]]:
    """Yield each claim: its description, its bound and the measured value."""
    for work, bound in (("tree", 4), ("annotate", 8), ("shared functions", 8)):
        yield f"{work} / floor at 100k", f"<= {bound}", samples.ratio(_MAIN, _AT, work, "floor")
    for work in ("tree", "annotate", "shared functions"):
        for kind in (_MAIN, _SHUFFLED):
            yield f"{work}: exponent, {kind}", "<= 1.05", samples.exponent(kind, work, _FROM)
    for work in ("tree", "annotate", "shared functions"):
        yield f"{work} / floor at 100k, dynamo", "<= 3", samples.ratio(_DYNAMO, _AT, work, "floor")
    for peer, bound in (("onnx-ir load + save", 5), ("onnxslim", 100)):
        found = samples.ratio(_MAIN, _PEERS_AT, peer, "shared functions")
        yield f"{peer} / shared functions at 10k", f">= {bound}", found
    found = samples.ratio(_MAIN, _PEERS_AT, "session, as it comes", "session, nor memory pattern")
    yield "session as it comes / as made for numbers, at 10k", ">= 10", found
    for work in ("tree", "annotate", "shared functions"):
        peak, size = samples.median(_MAIN, _AT, work, "peak"), samples.bytes.get((_MAIN, _AT))
        yield f"{work}: peak / structure at 100k", "<= 4", peak / size if peak and size else None
    for kind, size in samples.data.items():
        yield from _shows_of_real(samples, kind, size)
    for name, most in (("rewriter tree, 300 nodes", "<= 0.6"), ("rewriter --help", "<= 0.3")):
        yield f"{name}: seconds on the wall", most, samples.median("start-up", 300, name, "wall")


def _shows_of_real(samples: Samples, kind: str, size: int) -> Iterator[tuple[str, str, float | None]]:
    called = f"{kind}, {size / 1e9:.2f} GB"
    for work in ("annotate", "shared functions"):
        yield f"{called}: {work}, seconds on the wall", "<= 0.1", samples.median(kind, 0, work, "wall")
        peak = samples.median(kind, 0, work, "peak")
        yield f"{called}: {work}, MB above imports", "<= 60", peak / _MB if peak is not None else None
        seconds = [samples.median(kind, 0, name, "wall") for name in (f"{work} and numbers", work)]
        read = samples.median(kind, 0, "read the weights", "wall")
        more = None if None in (*seconds, read) else seconds[0] - seconds[1] - read  # type: ignore[operator]
        yield f"{called}: {work}, seconds that numbers add to reading the weights", "<= 1", more
        for field, what, bound in (("child", "peak", 1.1), ("own", "anonymous", 0.1)):
            found = samples.median(kind, 0, f"{work} and numbers", field)
            yield (
                f"{called}: {work} and numbers, {what} / weights",
                f"<= {bound}",
                found / size if found else None,
            )
