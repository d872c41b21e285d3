"""Adapters that stay in the model as nodes of their own beside the layers."""
