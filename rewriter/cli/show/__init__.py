"""Verbs that write a model for other viewers, or print facts about tools, passes and shells."""
