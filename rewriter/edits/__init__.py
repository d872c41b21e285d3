"""Changes one thing in a model and keeps the rest: taps, implants, replacements, removals."""
