"""A pass for Olive (`olive-ai`): the module tree between the steps of a workflow.

    from olive import run
    from rewriter.adapters.olive import package_config

    run("workflow.json", package_config=package_config())

In the workflow: `"passes": {"tree": {"type": "OnnxModuleTree", "restore_names": true}}`. On the command line:

    python -m rewriter.adapters.olive > packages.json
    olive run --config workflow.json --package-config packages.json
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from olive.model import ONNXModelHandler
from olive.model.utils import resolve_onnx_path
from olive.package_config import OlivePackageConfig
from olive.passes import Pass
from olive.passes.pass_config import PassConfigParam

from rewriter.api import rewrite
from rewriter.foreign import Rewritten
from rewriter.passes.presets import Functions
from rewriter.refusals import UsageError

_PARAMETERS: dict[str, tuple[type, Any, str]] = {
    "functions": (str, "none", f"What local functions to make: {', '.join(Functions)}."),
    "depth": (int, 0, "Nest functions this deep at the most; 0 for as deep as modules call each other."),
    "only": (str, "", "Make functions for the modules whose path fits this glob."),
    "class_name": (str, "", "Make functions for modules of this class."),
    "repeated": (bool, False, "Make functions only for modules whose body occurs more than once."),
    "restore_names": (bool, False, "Also name nodes and weights that lost their names."),
    "layer_annotations": (bool, False, "Also write the modules where onnxruntime's partitioning reads them."),
    "passes": (str, None, "Instead of all these: passes as text, 'annotate,unshare,group{depth=2},share'."),
    "numbers": (bool, True, "Whether onnxruntime runs both models besides the certificate."),
    "optimised": (bool, False, "Whether it does so again with all its optimisations."),
    "min_coverage": (float, 0.0, "Fail where fewer nodes are placed: a share, 0 to 1."),
    "strict": (bool, False, "Fail where anything was refused."),
    "timeout": (float, 600.0, "Seconds for the numbers."),
    "like": (str, None, "The model that this one was made of, or its sidecar: its tree is carried over."),
    "force": (bool, False, "Carry it over even if the two share too little."),
    "reference": (str, None, "What it was built from: 'package.module:Class', a config.json, a sidecar."),
    "checkpoint": (str, None, "A safetensors or torch file that names its weights by their content."),
}
"""Keyword of `rewriter.rewrite` -> its type, default and description."""


class OnnxModuleTree(Pass):  # type: ignore[misc]  # Olive has no types
    """Writes the module tree into an ONNX model and proves that nothing else changed.

    After passes that drop metadata, such as quantisation, `like` gives the model the tree of an earlier one.
    The proof is among the attributes of the model, as `module_tree`. There is no sidecar: Olive hands
    files on to later passes, whose models it would not describe.
    """

    @classmethod
    def _default_config(cls, accelerator_spec: Any) -> dict[str, PassConfigParam]:
        return {
            name: PassConfigParam(type_=kind, default_value=default, description=description)
            for name, (kind, default, description) in _PARAMETERS.items()
        }

    def _run_for_config(self, model: Any, config: Any, output_model_path: str) -> ONNXModelHandler:
        """Rewrite one model; Olive calls this for every part of a composite one.

        Raises:
            UsageError: it is no ONNX model in a file, or some of its weights are in a file that it does not
                name.
            RewriterError: what `rewriter.rewrite` raises.
        """
        if not isinstance(model, ONNXModelHandler):
            raise UsageError(
                f"OnnxModuleTree takes ONNX models, not a {type(model).__name__}; convert it first"
            )
        if model.external_initializers_file_name or model.constant_inputs_file_name:
            raise UsageError(
                "weights that are inputs from another file would be left behind; run this pass earlier"
            )
        source = Path(model.model_path)
        output = Path(resolve_onnx_path(output_model_path, source.name))
        options = {name: getattr(config, name) for name in _PARAMETERS}
        report = rewrite(source, output, copy_data=True, sidecar=False, **options)
        made = ONNXModelHandler(
            model_path=str(output.parent),
            onnx_file_name=output.name,
            inference_settings=model.inference_settings,
            use_ort_extensions=model.use_ort_extensions,
            model_attributes={**(model.model_attributes or {}), "module_tree": _summary(report)},
        )
        assert isinstance(made, ONNXModelHandler)
        return made


def package_config() -> dict[str, Any]:
    """Olive's own passes and this one, for `olive.run(..., package_config=...)`."""
    config: dict[str, Any] = json.loads(Path(OlivePackageConfig.get_default_config_path()).read_text("utf-8"))
    ours = {
        "module_path": f"rewriter.adapters.olive.{OnnxModuleTree.__name__}",
        "supported_providers": ["*"],
        "supported_accelerators": ["*"],
        "supported_precisions": ["*"],
    }
    return {**config, "passes": {**config["passes"], OnnxModuleTree.__name__: ours}}


def _summary(report: Rewritten) -> dict[str, Any]:
    numeric, tree = report.verification.numeric, report.analysis.tree
    return {
        "verdict": str(report.verification.verdict),
        "certificate": report.verification.certificate.equal,
        "numbers": numeric.agrees if numeric is not None else None,
        "coverage": tree.coverage,
        "modules": len(tree),
        "refusals": [str(refusal) for refusal in report.refusals],
    }


if __name__ == "__main__":
    print(json.dumps(package_config(), indent=2))
