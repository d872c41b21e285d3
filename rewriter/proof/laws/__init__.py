"""Laws: equations between expressions, for pairs of models that equal keys do not prove.

    model -> numbers -> terms in normal form -> equal or not
             numbering  laws

A law rewrites a term into an equal one. Laws that keep bits give *equal*; laws that hold for real numbers,
and round otherwise on floats, give *equal up to rounding*. One file holds one law: statement, side
conditions, argument.
"""
