"""Chapter 6: the same road with another degradation."""

from hinas_lab.lazy import lazy

__getattr__, __dir__ = lazy(
    globals(),
    {
        "hinas_book.kit.stored_nets": "searched trained",
        "hinas_book.lessons": "check",
        "hinas_lab.drawing.comparison": "figure_rows measurement_table",
        "hinas_lab.drawing.genotype_graph": "draw_genotype",
        "hinas_lab.drawing.search_space": "draw_network",
        "hinas_lab.drawing.style": "theme",
        "hinas_lab.images.datasets.catalog": "read_images",
        "hinas_lab.images.protocol": "protocol",
        "hinas_lab.restoration.classical": "classical",
        "hinas_lab.restoration.measure": "evaluate mean measure_under",
        "hinas_lab.restoration.restorer": "restore_array",
        "hinas_lab.runs.folder": "load_genotype load_network",
        "hinas_lab.space.cost": "macs receptive_radius",
        "hinas_lab.training.training": "build_network",
    },
)
"what its notebook takes from the laboratory and the book"
