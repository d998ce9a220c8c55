"""Chapter 11: why two papers print different numbers for one method."""

from hinas_book.kit.registry import Study
from hinas_lab.lazy import lazy

STUDIES = (
    Study(
        name="protocol",
        question="one method under every gray (or super-resolution) protocol, paired",
        registered=False,
        module="hinas_book.ch11_protocols.protocol_study",
    ),
)

__getattr__, __dir__ = lazy(
    globals(),
    {
        "hinas_book.ch11_protocols.figures": "figure_crops figure_differences plot_sweep",
        "hinas_book.ch11_protocols.protocols": "Difference SINGLE STRIDES",
        "hinas_book.kit.recorded": "recorded",
        "hinas_book.lessons": "check",
        "hinas_lab.drawing.style": "theme",
        "hinas_lab.images.datasets.catalog": "read_images",
        "hinas_lab.images.protocol": "protocol PROTOCOLS",
        "hinas_lab.live.sliders": "slider",
        "hinas_lab.restoration.classical": "classical",
        "hinas_lab.restoration.measure": "mean measure",
    },
)
"what its notebook takes from the laboratory and the book"
