"""Steps of a run, without an import of onnx."""

from __future__ import annotations

Step = tuple[int, ...]
"""Number of the input set, then the number of the iteration in each Loop and Scan, the outermost first."""
