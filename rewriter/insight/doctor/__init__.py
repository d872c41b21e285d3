"""What other tools will make of a file: facts of the file, rules about the tools, and which of them apply."""
