"""One equation a function: tensors in, tensors out, no state."""
