"""The files that the examples of the help pages speak of, made of the fixtures."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, numpy_helper

import rewriter
from tests.build import model
from tests.checkpoints.lora import adapters
from tests.exports import EXPORTS

NET = """from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.act = nn.Linear(2, 2), nn.ReLU()

    def forward(self, x):
        return self.act(self.fc(x))


def make():
    return Net()
"""
NET_FILE = """g (float[3,2] x) => (float[3,2] y)
<float[2,2] "fc.weight" = {1, 2, 3, 4}, float[2] "fc.bias" = {1, 2}> {
  ["/fc/Gemm"] h = Gemm<transB = 1>(x, "fc.weight", "fc.bias")
  ["/act/Relu"] y = Relu(h)
}"""
CONFIG = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "vocab_size": 60,
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 512,
    "max_position_embeddings": 32,
}
"""What the fixture was made from."""


def make(folder: Path) -> None:
    """Write all files into a folder."""
    bert = folder / "bert.onnx"
    rewriter.rewrite(_dynamo(), bert, restore_names=True, numbers=False)
    rewriter.rewrite(bert, folder / "bert.tree.onnx", numbers=False)
    rewriter.rewrite(bert, folder / "bert.calls.onnx", functions="call", numbers=False)
    rewriter.tap(bert, "pooler", folder / "bert.taps.onnx", numbers=False)
    (folder / "net.py").write_text(NET)
    onnx.save(model(NET_FILE), folder / "net.onnx")
    shutil.copy(EXPORTS / "bert" / "ts.onnx", folder / "torchscript.onnx")
    shutil.copy(EXPORTS / "bert" / "dy.onnx", folder / "dynamo.onnx")
    shutil.copy(EXPORTS / "shared_block" / "ts.onnx", folder / "shared.onnx")
    for name in ("old", "new"):
        shutil.copy(bert, folder / f"{name}.onnx")
    _quantise(bert, folder / "bert.int8.onnx")
    shutil.copy(folder / "bert.int8.onnx", folder / "bert.quantised.onnx")
    for number in (0, 1):
        rewriter.extract(bert, f"encoder.layer.{number}", folder / f"l{number}.onnx", numbers=False)
    _quantise(folder / "l0.onnx", folder / "layer.int8.onnx")
    _fuse_and_profile(bert, folder / "bert.fused.onnx", folder / "onnxruntime_profile.json")
    batch = {"input_ids": np.arange(14).reshape(2, 7), "attention_mask": np.ones((2, 7), np.int64)}
    np.savez(folder / "batch.npz", **batch)  # type: ignore[arg-type]
    (folder / "models" / "bert" / "onnx").mkdir(parents=True)
    shutil.copy(folder / "torchscript.onnx", folder / "models" / "bert" / "onnx" / "model.onnx")
    (folder / "models" / "bert" / "config.json").write_text("{}")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(_safetensors(onnx.load(bert)))
    rewriter.weights(folder / "torchscript.onnx", folder / "bert.safetensors")
    shutil.copy(folder / "bert.safetensors", folder / "finetuned.safetensors")
    found = rewriter.weights(folder / "torchscript.onnx").given
    name = next(key for key in found if key.endswith("attention.self.query.weight"))
    out, reads = found[name].shape or (0, 0)
    adapters.save(folder / "adapter", adapters.pair(name.removesuffix(".weight"), out, reads))


def _dynamo() -> ModelProto:
    """The dynamo export of the fixture without the wrapper around the model."""
    model = onnx.load(EXPORTS / "bert" / "dy_dyn.onnx")
    for node in model.graph.node:
        for entry in node.metadata_props:
            if entry.key.endswith("name_scopes"):
                entry.value = entry.value.replace("'model', ", "", 1).replace("'model.", "'")
            elif entry.key.endswith("class_hierarchy"):
                entry.value = "[" + entry.value.partition(", ")[2]
            elif entry.key == "namespace":
                entry.value = entry.value.partition("/")[2].replace("model.", "").replace("model: ", ": ", 1)
    for tensor in model.graph.initializer:
        for node in model.graph.node:
            names = [name.removeprefix("model.") if name == tensor.name else name for name in node.input]
            node.input[:] = names
        for info in model.graph.value_info:
            if info.name == tensor.name:
                info.name = tensor.name.removeprefix("model.")
        tensor.name = tensor.name.removeprefix("model.")
    return model


def _quantise(path: Path, target: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(path, target)


def _fuse_and_profile(path: Path, fused: Path, profile: Path) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.optimized_model_filepath = str(fused)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(path.parent / "taken")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    session.run(None, {each.name: np.ones((2, 7), np.int64) for each in session.get_inputs()})
    Path(session.end_profiling()).rename(profile)


def _safetensors(model: ModelProto) -> bytes:
    """The named weights of a model in the format of safetensors: a length, a header in JSON, the data."""
    header: dict[str, object] = {}
    data = b""
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if "." not in tensor.name or array.dtype != np.float32:
            continue
        header[tensor.name] = {
            "dtype": "F32",
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + array.nbytes],
        }
        data += array.tobytes()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data
