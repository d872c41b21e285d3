"""The report: all results on one model as a page, and its icicle as a drawing."""
