"""hinas_lab: differentiable neural architecture search on images, to be watched, questioned and used.

Importing this package is cheap: torch, matplotlib and pandas load with the module that needs them.
"""

__version__ = "0.1.0"

# The one place that knows where the repository lives (badges, Colab line, citation).
REPOSITORY = "hinas-lab/hinas_lab"
