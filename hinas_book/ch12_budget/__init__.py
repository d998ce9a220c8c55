"""Chapter 12: how a search keeps to a budget, and what that is worth."""

from hinas_lab.lazy import lazy

__getattr__, __dir__ = lazy(
    globals(),
    {
        "hinas_book.ch12_budget.distribution": "limit_of probable_text",
        "hinas_book.ch12_budget.equal_cost": "best_record equal_cost_text",
        "hinas_book.ch12_budget.figures": (
            "figure_equal_cost figure_pieces figure_price figure_search_under figures_sharpened"
        ),
        "hinas_book.ch12_budget.moved": "moved_text",
        "hinas_book.ch12_budget.pieces": "macs_of pieces_text",
        "hinas_book.ch12_budget.price_toy": "next_price",
        "hinas_book.kit.recorded": "recorded_run",
        "hinas_book.lessons": "check",
        "hinas_lab.drawing.style": "theme",
        "hinas_lab.live.recordings": "read_recording",
        "hinas_lab.live.sliders": "slider",
        "hinas_lab.space.budget": "Limit",
        "hinas_lab.space.expected_cost": "ExpectedCost SHARPNESS",
    },
)
"what its notebook takes from the laboratory and the book"
