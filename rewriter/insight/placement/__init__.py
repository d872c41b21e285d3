"""Devices for modules, as onnxruntime takes them."""
