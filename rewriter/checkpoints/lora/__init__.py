"""LoRA adapters of peft: read, fitted to the weights of a model, and merged."""
