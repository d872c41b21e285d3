"""The model file: index, operators, storage, limits, metadata, tensors. This package knows no modules."""
