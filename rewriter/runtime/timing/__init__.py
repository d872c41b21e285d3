"""Measures the time of onnxruntime's kernels."""
