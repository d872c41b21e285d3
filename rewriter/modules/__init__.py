"""The module tree: modules, parameters, placements, selection and boundaries."""
