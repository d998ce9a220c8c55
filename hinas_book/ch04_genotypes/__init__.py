"""Chapter 4: from the soft supernet to a trained net."""

from hinas_lab.lazy import lazy

__getattr__, __dir__ = lazy(
    globals(),
    {
        "hinas_book.ch04_genotypes.figures": "figure_ladder figure_sharpness",
        "hinas_book.ch04_genotypes.ladder": "Ladder sharpened SHARPNESS",
        "hinas_book.kit.stored_nets": "searched trained",
        "hinas_book.lessons": "check",
        "hinas_lab.analysis.supernet_scorer": "shared_scorer",
        "hinas_lab.drawing.genotype_graph": "draw_genotype",
        "hinas_lab.drawing.style": "theme",
        "hinas_lab.live.sliders": "slider",
        "hinas_lab.live.surgery": "Surgery",
        "hinas_lab.runs.folder": "load_network",
        "hinas_lab.space.supernet": "Mixture",
    },
)
"what its notebook takes from the laboratory and the book"
