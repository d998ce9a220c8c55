"""Chapter 10: other methods, and what a fair comparison needs."""

from hinas_book.kit.registry import PaperFigure, Study

STUDIES = (
    Study(
        name="state-of-the-art",
        question="ours and other methods under the tables' protocols "
        "(Tables 10 to 12, Figures 12 to 14)",
    ),
    Study(
        name="peers",
        question="other methods beside ours: parameters, multiply-accumulates, seconds; "
        "trained here, too",
        registered=False,
        module="hinas_book.ch10_state_of_the_art.peers_study",
    ),
)

FIGURES = (
    PaperFigure(
        id="fig14",
        title="Trade-off of cost and quality",
        source="published numbers (data/paper); here: data/studies/peers-denoise.json",
        scale="paper",
        draw="paper_figures:draw_tradeoff",
    ),
)
