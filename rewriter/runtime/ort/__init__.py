"""onnxruntime itself: sessions, and what it cannot load."""
