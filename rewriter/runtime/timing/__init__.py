"""The time of kernels."""
