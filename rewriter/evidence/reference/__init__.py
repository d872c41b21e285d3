"""Evidence from a list of modules, made from a class or a config."""
