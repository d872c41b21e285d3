"""Verbs that print facts about one model."""
