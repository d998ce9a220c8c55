"""Chapter 0: what is searched, found and restored, in ten minutes."""

from hinas_lab.lazy import lazy

__getattr__, __dir__ = lazy(
    globals(),
    {
        "hinas_book.ch00_start.examples": "equally_far features",
        "hinas_book.ch00_start.figures": (
            "figure_alpha figure_beta figure_fields figure_inputs figure_pictures figure_separable"
        ),
        "hinas_book.kit.own_photo": "own_photo",
        "hinas_book.kit.stored_nets": "searched trained",
        "hinas_book.lessons": "check",
        "hinas_lab.drawing.genotype_graph": "draw_genotype",
        "hinas_lab.drawing.plots": "figure_restoration figure_search",
        "hinas_lab.drawing.style": "theme",
        "hinas_lab.images.datasets.catalog": "load_images",
        "hinas_lab.images.degrade": "add_noise",
        "hinas_lab.images.metrics": "psnr ssim",
        "hinas_lab.images.protocol": "protocol",
        "hinas_lab.records": "read_records",
        "hinas_lab.restoration.compare": "compare comparison_table",
        "hinas_lab.runs.folder": "load_genotype load_network",
        "hinas_lab.space.genotype": "legal_paths",
        "hinas_lab.space.ops": "CHOICES OPS",
        "hinas_lab.training.numerics": "use_device",
    },
)
"what its notebook takes from the laboratory and the book"
