"""Uses onnxruntime: sessions, and tests for functions that it misreads or refuses."""
