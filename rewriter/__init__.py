"""A rewriter of exported ONNX models: gives them their module tree back and proves that nothing changed."""
