"""Lookup of names that a user gives: nodes, values, weights and modules, and what a model says about them."""
