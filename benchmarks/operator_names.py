"""Updates `operator_names.json` of `rewriter/model/operator_set`: operators by runtime domain.

    python -m benchmarks.operator_names

Adds the operators that the installed onnx and onnxruntime list, and removes none, since files also go to
older runtimes. Other names (of onnxruntime-extensions, DirectML, training, OpenVINO) were read in the sources
of these projects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import onnx
from onnxruntime.capi import onnxruntime_pybind11_state as state

from rewriter.model.operator_set.operator_names import PATH
from rewriter.model.operator_set.operators import canonical


def main() -> None:
    """Add the names, and print the number of new ones."""
    known = {domain: set(names) for domain, names in json.loads(PATH.read_text(encoding="utf-8")).items()}
    before = sum(map(len, known.values()))
    for domain, name in installed():
        known.setdefault(domain or "ai.onnx", set()).add(name)
    listed = {domain: sorted(known[domain]) for domain in sorted(known)}
    PATH.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    print(f"{sum(map(len, listed.values())) - before} new names; {PATH}")


def installed() -> Iterator[tuple[str, str]]:
    """Yield domain and name of every operator of every version that the installed packages know."""
    for schema in onnx.defs.get_all_schemas_with_history():
        yield canonical(schema.domain), schema.name
    for schema in state.get_all_operator_schema():
        yield canonical(schema.domain), schema.name
    for kernel in state.get_all_opkernel_def():
        yield canonical(kernel.domain), kernel.op_name


if __name__ == "__main__":
    main()
