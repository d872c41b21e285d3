"""Constants of the code: moved from the inputs of functions into their bodies, and back."""
