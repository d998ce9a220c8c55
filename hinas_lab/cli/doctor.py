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
    "anywidget": "the live board",
    "ipywidgets": "buttons and sliders",
    "jupyterlab": "make lab",
    "pooch": "data downloads",
}
"package -> what it is for"
ABSENT_DOT = {
    True: "not there (not needed: pygraphviz draws)",
    False: "not there: drawings need it, or pip install pygraphviz",
}
"whether pygraphviz is there -> what the absence of dot means"


def add(commands):
    parser = commands.add_parser(
        "doctor", help="what is installed here, and what is missing for what"
    )
    parser.set_defaults(run_command=run)


def run(args) -> int:
    """Exit 1 when something needed is missing."""
    for name, text in _rows():
        print(f"{name:<12} {text}")
    return 1 if None in map(_version, NEEDED) else 0


def _rows():
    """(name, text) of each line, one by one: what is known is printed even where torch crashes."""
    system = f"{platform.system()} {platform.machine()}"
    yield "python", f"{platform.python_version()} on {system}, {os.cpu_count()} CPUs"
    for name in NEEDED:
        yield name, _version(name) or f"MISSING: pip install {name}"
    for name, use in OPTIONAL.items():
        yield name, _version(name) or f"not installed (only for {use})"
    # torch may be what is missing
    if importlib.util.find_spec("torch"):
        import torch

        none = "none: searches run on the CPU (presets tiny, classroom, study)"
        yield "GPU", torch.cuda.get_device_name() if torch.cuda.is_available() else none
        yield "threads", torch.get_num_threads()
    dot = shutil.which("dot")
    carried = _version("pygraphviz")
    yield "dot program", dot or ABSENT_DOT[carried is not None]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
