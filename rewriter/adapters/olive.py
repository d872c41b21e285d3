"""A pass for Olive (`olive-ai`) that writes the module tree into a model of a workflow.

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

from rewriter.adapters.options import PIPELINE_OPTIONS
from rewriter.api.foreign_models import Rewritten
from rewriter.api.functions import rewrite
from rewriter.basics.option_declaration import Option
from rewriter.errors import UsageError


class OnnxModuleTree(Pass):  # type: ignore[misc]  # Olive has no types
    """Writes the module tree into an ONNX model and proves that nothing else changed.

    After a pass that drops metadata, such as quantisation, set `like` to an earlier model to carry its tree
    over. The model attribute `module_tree` is a summary: verdict, certificate, numbers, coverage, number of
    modules, refusals. No sidecar is written, since it would not describe the models that later passes make
    from this one.
    """

    @classmethod
    def _default_config(cls, accelerator_spec: Any) -> dict[str, PassConfigParam]:
        return {
            each.name: PassConfigParam(
                type_=_type_of(each),
                default_value=[] if each.several else each.default,
                description=each.help,
            )
            for each in PIPELINE_OPTIONS
        }

    def _run_for_config(self, model: Any, config: Any, output_model_path: str) -> ONNXModelHandler:
        """Rewrite one model; Olive calls this for every part of a composite model.

        Raises:
            UsageError: the model is not ONNX, or Olive keeps some of its weights in a file that the model
                does not refer to.
            RewriterError: see `rewriter.rewrite`.
        """
        if not isinstance(model, ONNXModelHandler):
            raise UsageError(
                f"OnnxModuleTree takes ONNX models, not a {type(model).__name__}; convert it first"
            )
        if model.external_initializers_file_name or model.constant_inputs_file_name:
            raise UsageError(
                "Olive keeps weights of this model in a file that would stay behind; run this pass earlier"
            )
        source = Path(model.model_path)
        output = Path(resolve_onnx_path(output_model_path, source.name))
        options = {each.name: getattr(config, each.name) for each in PIPELINE_OPTIONS}
        report = rewrite(source, output, copy_data=True, sidecar="none", **options)
        made = ONNXModelHandler(
            model_path=str(output.parent),
            onnx_file_name=output.name,
            inference_settings=model.inference_settings,
            use_ort_extensions=model.use_ort_extensions,
            model_attributes={**(model.model_attributes or {}), "module_tree": _summary(report)},
        )
        assert isinstance(made, ONNXModelHandler)
        return made


def _type_of(option: Option) -> Any:
    """Return the type of an option for Olive: `str` for a path; several values may also be a list."""
    kind = str if option.kind is Path else option.kind
    return kind | list[kind] if option.several else kind  # type: ignore[valid-type]


def package_config() -> dict[str, Any]:
    """Return the `package_config` for `olive.run`, with Olive's passes and this one."""
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
