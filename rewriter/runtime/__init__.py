"""Runs models: draws inputs from their signatures and starts onnxruntime in a child process."""
