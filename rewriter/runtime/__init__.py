"""Running a model: inputs made from its signature, onnxruntime in a child process."""
