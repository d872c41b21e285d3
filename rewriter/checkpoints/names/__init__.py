"""New weights by names: what a file shows of the parameters in its tensors, without the old weights."""
