"""Simulates a model in half precision: every result is rounded, and computed in float32."""
