"""hinas_lab: differentiable neural architecture search on images, to be watched, questioned and
used.

    import hinas_lab as lab

    run = lab.search("my_photos", preset="classroom", run="runs/mine")
    lab.panel(run)                                  # watch it, to its end
    lab.draw(run.genotype)
    net = lab.train(run.genotype, "my_photos", run="runs/net").finish()
    lab.evaluate(net, "my_test_photos", level=50)
    lab.restore(net, "noisy.png", "restored.png")

``help(lab.search)`` says what each call takes. Importing this package is cheap: torch, matplotlib
and pandas load with the call that needs them.
"""

from hinas_lab.lazy import lazy

__version__ = "0.2.0"

# The one place that knows where the repository lives (Colab links and cell, citation).
REPOSITORY = "hinas-lab/hinas_lab"

_FACE = {
    "hinas_lab.face": (
        "draw draw_tradeoff evaluate explore load panel replay restore search train"
    ),
    "hinas_lab.config": "SearchSpace",
    "hinas_lab.presets": "preset",
    "hinas_lab.space.genotype": "Genotype",
}
__all__ = ["REPOSITORY", "__version__", *" ".join(_FACE.values()).split()]
__getattr__, __dir__ = lazy(globals(), _FACE)
