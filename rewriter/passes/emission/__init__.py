"""Plans of functions, and the writer of functions, calls and the bodies around them."""
