"""The report: all results on one model as an HTML page, and its icicle as an SVG drawing."""
