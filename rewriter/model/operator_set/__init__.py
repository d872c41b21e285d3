"""Facts about operators, their versions and types: from onnx's schemas, and measured with runtimes."""
