"""Options of the verbs that change a model: one dataclass per verb; its docstring is the help page."""
