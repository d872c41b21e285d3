"""Output in a terminal; loaded only by verbs and by `str` of a result, since importing rich takes time."""
