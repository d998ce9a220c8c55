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

from importlib import import_module

__version__ = "0.1.0"

# The one place that knows where the repository lives (badges, Colab line, citation).
REPOSITORY = "hinas-lab/hinas_lab"

_FACE = {
    "Genotype": "hinas_lab.space.genotype",
    "SearchSpace": "hinas_lab.config",
    "preset": "hinas_lab.presets",
    **dict.fromkeys(
        ("draw", "evaluate", "load", "panel", "replay", "restore", "search", "train"),
        "hinas_lab.face",
    ),
}
"name -> the module that has it, imported when it is asked for"

__all__ = ["REPOSITORY", "__version__", *_FACE]


def __getattr__(name: str):
    if name not in _FACE:
        raise AttributeError(f"module 'hinas_lab' has no attribute {name!r}")
    value = getattr(import_module(_FACE[name]), name)
    globals()[name] = value  # asked once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_FACE})
