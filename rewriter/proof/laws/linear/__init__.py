"""Laws of matrix products and convolutions: true for real numbers, rounded otherwise on floats."""
