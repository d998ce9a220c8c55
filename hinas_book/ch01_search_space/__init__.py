"""Chapter 1: which operations compete, and does a large alpha mean an important operation?"""

from hinas_lab.lazy import lazy

__getattr__, __dir__ = lazy(
    globals(),
    {
        "hinas_book.ch01_search_space.figures": "figure_masks plot_masks",
        "hinas_book.ch01_search_space.masking": "agreement recorded_masks searched_masks",
        "hinas_book.lessons": "check",
        "hinas_lab.drawing.search_space": "draw_supercell",
        "hinas_lab.drawing.style": "theme",
        "hinas_lab.space.layers": "make_op",
        "hinas_lab.space.literal": "MixedOp",
    },
)
"what its notebook takes from the laboratory and the book"
