"""Edits with onnx-graphsurgeon that keep all other fields of a model; see `edit`."""

from rewriter.adapters.graphsurgeon.editing import Edit, Edited, edit
from rewriter.adapters.graphsurgeon.placing import NewNode

__all__ = ["Edit", "Edited", "NewNode", "edit"]
