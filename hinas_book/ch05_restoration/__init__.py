"""Chapter 5: train, restore, measure."""

from hinas_lab.lazy import lazy

__getattr__, __dir__ = lazy(
    globals(),
    {
        "hinas_book.kit.own_photo": "own_photo",
        "hinas_book.kit.stored_nets": "searched trained",
        "hinas_book.lessons": "check",
        "hinas_lab.drawing.comparison": "figure_rows measurement_table",
        "hinas_lab.drawing.plots": "figure_restoration",
        "hinas_lab.drawing.style": "theme",
        "hinas_lab.images.datasets.catalog": "photograph_path read_images",
        "hinas_lab.images.degrade": "add_noise",
        "hinas_lab.images.protocol": "protocol",
        "hinas_lab.live.sliders": "slider",
        "hinas_lab.restoration.classical": "classical",
        "hinas_lab.restoration.measure": "evaluate mean measure_under",
        "hinas_lab.restoration.photo_file": "estimate_noise read_photo write_photo",
        "hinas_lab.restoration.restorer": "restore_array restore_photo",
        "hinas_lab.runs.folder": "load_genotype load_network",
    },
)
"what its notebook takes from the laboratory and the book"
