"""Chapter 2: width paths and cell sharing."""

from hinas_lab.lazy import lazy

__getattr__, __dir__ = lazy(
    globals(),
    {
        "hinas_book.ch02_widths.figures": "plot_chance plot_walk",
        "hinas_book.kit.sharing_cost": "measured predicted SHARING",
        "hinas_book.lessons": "check",
        "hinas_lab.analysis.width_paths": "beta_of chance greedy_path is_widest_last uniform_paths",
        "hinas_lab.config": "SearchSpace",
        "hinas_lab.drawing.plots": "plot_beta",
        "hinas_lab.drawing.search_space": "draw_cell_sharing draw_widths",
        "hinas_lab.drawing.style": "theme",
        "hinas_lab.space.decode": "independent_path viterbi",
        "hinas_lab.training.step_memory": "sharing_factors",
    },
)
"what its notebook takes from the laboratory and the book"
