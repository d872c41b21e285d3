"""The report: everything that is known of one model as a page, and its icicle as a drawing."""
