"""Measures the share of the time of onnxruntime's kernels that `rewriter profile` maps to modules.

    python -m benchmarks.profiles [--only TEXT] [--write]

Every export runs with onnxruntime's default options on one thread. `shared` is the time of kernels that fuse
nodes of several modules. `unmapped` is the time of kernels without a known module.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

import click

from benchmarks.faults import exports
from benchmarks.reporting import environment, publish, table
from rewriter import pipeline
from rewriter.errors import UsageError
from rewriter.insight.profile import Profile

CLAIMED = ("bert/", "gpt2/", "resnet/")
"""Exports for which the claim is made that at least the share `LEAST` is mapped."""
LEAST = 0.98


def booked(found: Profile) -> float:
    """Return the time of all modules, of containers outside of them and the unmapped row, by the total."""
    whole = sum(each.own.mean for each in found.modules) + found.outside.mean + found.unmapped.mean
    return whole / found.total.mean


def report(found: Sequence[tuple[str, Profile]], failed: Sequence[str]) -> str:
    """Return the claims and the table as Markdown."""
    claimed = [each.mapped for name, each in found if name.startswith(CLAIMED)]
    worst = min(each.mapped for _, each in found)
    holds = "holds" if min(claimed, default=0.0) >= LEAST else "does NOT hold"
    apart = max(abs(booked(each) - 1) for _, each in found)
    rows = [
        [
            name,
            len(each.analysis.graph.nodes),
            f"{each.total.median:.0f}",
            f"{each.mapped:.2%}",
            f"{each.shared.mean / each.total.mean:.1%}",
            ", ".join(each.unmapped_kernels[:2]),
        ]
        for name, each in found
    ]
    return "\n\n".join(
        [
            "# Time that is mapped to modules",
            f"    python -m benchmarks.profiles --write\n\n{environment()}",
            f"- **{holds}**: at least {LEAST:.0%} mapped on {', '.join(CLAIMED)}: "
            f"{min(claimed, default=0.0):.2%} at worst in {len(claimed)} files.\n"
            f"- All {len(found)} exports: {mean(each.mapped for _, each in found):.2%} on average, "
            f"{worst:.2%} at worst.\n"
            f"- Modules and the unmapped row sum to the time of all kernels, within {apart:.0e} of it.\n"
            f"- Not run: {'; '.join(failed) or 'none'}.",
            table(["export", "nodes", "us in kernels", "mapped", "shared", "unmapped kernels"], rows),
        ]
    )


@click.command()
@click.option("--only", default="", help="Only exports with this text in the name.")
@click.option("--rounds", default=10, show_default=True)
@click.option("--write", is_flag=True, help="Write the table to results/profiles.md.")
def main(only: str, rounds: int, write: bool) -> None:
    found, failed = [], []
    for path in exports(only):
        name = f"{path.parent.name}/{path.stem}"
        try:
            found.append((name, pipeline.profile(path, rounds=rounds, threads=1)))
        except UsageError as error:
            failed.append(f"{name} ({error})")
    text = report(found, failed)
    click.echo(text)
    if write:
        publish("profiles", text)


if __name__ == "__main__":
    main()
