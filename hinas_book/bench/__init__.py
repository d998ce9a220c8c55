"""What it costs: fast against literal, limits, GPUs, number formats."""

from hinas_book.kit.registry import Study

STUDIES = (
    Study(
        name="precision",
        question="alpha in a short number format, beside the spread between seeds",
        registered=False,
        module="hinas_book.bench.precision",
    ),
)
