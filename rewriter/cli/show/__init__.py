"""Verbs that show a model elsewhere, or the tools around it."""
