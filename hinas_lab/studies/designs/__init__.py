"""The designs of the campaign, a file each: ``design(setting)`` is a generator of jobs (``studies.campaign``) that returns its
record."""

from importlib import import_module

DESIGNS = {
    "paths": "does the last layer end widest because of the search? (4.2.4)",
    "widths": "searched widths against w40, wm and all paths (Table 3, Figure 7)",
    "lwas-residual": "layer-wise sharing x residual learning (Tables 1 and 2, Figures 5 and 6)",
    "budget": "what residual learning is worth at 1, 4 and 16 times the training steps (Tables 1 and 2)",
    "search": "searched nets among random ones, and RSWS (Tables 1 and 2)",
    "perturb": "every net one edit away from a found one, trained (Tables 6 and 7, Figures 10 and 11)",
    "loss": "the SSIM term's weight (Tables 4 and 5, Figures 8 and 9)",
    "epochs": "ten checkpoints of a search three times as long (3.3)",
    "sharing": "is cell sharing as good? (Tables 8 and 9, Figure 3)",
    "state-of-the-art": "ours and other methods under the tables' protocols (Tables 10 to 12, Figures 12 to 14)",
}
"name -> question; in the order of the campaign"


def module(name: str):
    """The design called ``name``."""
    return import_module(f"{__name__}.{name.replace('-', '_')}")
