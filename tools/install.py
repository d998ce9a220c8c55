"""Installs hinas_lab from this checkout into the environment whose Python runs this, with the torch
that fits the machine. Needs nothing but Python and pip.

    .venv/bin/python tools/install.py lab dev             with the extras lab and dev
    .venv/bin/python tools/install.py lab -c FILE ...     further arguments are pip's

On Linux the registry's torch brings CUDA, some GB that are of no use without an NVIDIA driver.
Without a driver, torch is taken from PyTorch's own index of CPU builds where that answers, else as
pip finds it. Drawings are an extra that no installation fails for. The environment may name

    TORCH_INDEX    an index that torch is taken from, whatever the machine
    HINAS_INSTALL  the command that installs (default: this Python's pip; the Makefile's may be uv)
"""

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import threading
import tomllib
import urllib.request
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
SECONDS = 3.0
"within which it must answer"
CPU_MB, CUDA_GB = 192, "2.8 to 4.1"
"to download: torch for the CPU (Linux, x86-64), and what the registry brings on Linux"
PIP = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]


def has_driver() -> bool:
    """Whether this machine has an NVIDIA driver."""
    return bool(shutil.which("nvidia-smi")) or Path("/proc/driver/nvidia/version").exists()


def answers(address: str) -> bool:
    """Whether ``address`` gives a page within SECONDS, the search for its name included."""
    answered = threading.Event()

    def ask():
        with suppress(Exception), urllib.request.urlopen(address, timeout=SECONDS):
            answered.set()

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(SECONDS)
    return answered.is_set()


def cpu_index(arguments: list[str]) -> str:
    """PyTorch's index of CPU builds where torch should come from it, else nothing; prints which.
    ``arguments`` are pip's: with ``--no-index`` nothing is asked."""
    if sys.platform != "linux" or has_driver() or "--no-index" in arguments:
        return ""
    if answers(f"{CPU_INDEX}/torch/"):
        print(f"No NVIDIA driver: torch for the CPU, {CPU_MB} MB, from {CPU_INDEX}", flush=True)
        return CPU_INDEX
    print(
        f"No NVIDIA driver, and {CPU_INDEX} does not answer: torch as pip finds it (the registry's "
        f"brings CUDA, {CUDA_GB} GB)",
        flush=True,
    )
    return ""


def constrained(arguments: list[str]) -> list[str]:
    """pip's arguments: where none names constraints and there is no driver, with the torch that is
    tested on the CPU."""
    named = any(word.startswith(("-c", "--constraint")) for word in arguments)
    if named or has_driver():
        return arguments
    return [*arguments, "-c", str(ROOT / "constraints" / "cpu.txt")]


def add_drawing(install: list[str], arguments: list[str]):
    """pygraphviz, where there is a wheel of it; a line where drawings have no Graphviz then.

    From a wheel alone: building it takes a compiler and Graphviz's headers."""
    if importlib.util.find_spec("pygraphviz"):
        return
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    drawing = project["optional-dependencies"]["draw"]
    command = [*install, "--only-binary", "pygraphviz", *drawing, *arguments]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode and not shutil.which("dot"):
        print(
            "Drawings need Graphviz, and pygraphviz has no file for this Python and system: "
            "install the program dot (Debian, Ubuntu: sudo apt install graphviz)",
            flush=True,
        )


def main(words: list[str]) -> int:
    first = next((n for n, word in enumerate(words) if word.startswith("-")), len(words))
    extras, arguments = words[:first], constrained(words[first:])
    install = shlex.split(os.environ.get("HINAS_INSTALL", "")) or PIP
    wanted = os.environ.get("TORCH_INDEX", "")
    index = wanted
    if not index and importlib.util.find_spec("torch") is None:
        index = cpu_index(arguments)
    if index:
        failed = subprocess.run([*install, "torch", *arguments, "--index-url", index]).returncode
        if failed and wanted:
            return failed
        if failed:
            print(f"{index} has no torch for this Python: torch as pip finds it", flush=True)
    package = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    failed = subprocess.run([*install, "-e", package, *arguments]).returncode
    if not failed:
        add_drawing(install, arguments)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
