"""``hinas-lab doctor``: what is installed and what it means."""

import importlib.util
import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version

NEEDED = ("torch", "numpy", "scipy", "scikit-image", "pillow", "safetensors", "tqdm")
OPTIONAL = {
    "PyWavelets": "the wavelet baseline",
    "matplotlib": "pictures",
    "seaborn": "pictures",
    "pandas": "tables",
    "graphviz": "drawing genotypes",
    "pygraphviz": "drawing without the dot program",
    "ipywidgets": "live panels",
    "jupyterlab": "make lab",
    "pooch": "data downloads",
}


def add(commands):
    parser = commands.add_parser(
        "doctor", help="what is installed here, and what is missing for what"
    )
    parser.set_defaults(run_command=run)


def run(args) -> int:
    """Exit 1 when something needed is missing."""
    missing = 0
    print(
        f"python       {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    )
    for name in NEEDED:
        found = _version(name)
        missing += found is None
        print(f"{name:<12} {found or 'MISSING: pip install ' + name}")
    for name, use in OPTIONAL.items():
        print(f"{name:<12} {_version(name) or f'not installed (only for {use})'}")
    if importlib.util.find_spec("torch"):
        import torch

        none = "none: searches run on the CPU (presets tiny, classroom, study)"
        print(f"GPU          {torch.cuda.get_device_name() if torch.cuda.is_available() else none}")
        print(f"threads      {torch.get_num_threads()}")
    print(
        f"dot program  {shutil.which('dot') or 'not there (not needed: pygraphviz or matplotlib draw)'}"
    )
    return 1 if missing else 0


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
