"""Settings of onnxruntime that assign modules to devices."""
