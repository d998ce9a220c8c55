"""How it chooses: the search loop, methods, stop rules, scores on Validation V.

To know the method read four files: ``space/literal.py`` (the supernet as the equations are
written), ``searching/loop.py`` (the bilevel problem, solved by alternation), ``space/decode.py``
(from numbers to an architecture) and ``config.py`` (all that can be chosen).
"""
