"""What commands of the book share: option lines, checks before a long computation, their JSON.

No torch: commands import this for their help, too.
"""

from argparse import ArgumentParser
from pathlib import Path

from hinas_lab.storage import environment, write_json


def add_json_option(parser: ArgumentParser):
    """``--json FILE``: None where it is not asked for."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")


def check_count(name: str, value: int, most: int = 1000):
    """ValueError unless ``value`` is from 1 to ``most``."""
    if not 1 <= value <= most:
        raise ValueError(f"{name} = {value}: must be at least 1 and at most {most}")


def check_folder(option: str, folder: Path):
    """ValueError when ``folder`` is a file. It may be missing: it is made later."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{option} {folder}: is a file; name a folder")


def check_figures(folder: Path | None):
    """ValueError when ``--figures`` names a folder that is missing."""
    if folder and not folder.is_dir():
        raise ValueError(f"--figures {folder}: no such folder; make it first")


def write_record(path: Path | None, study: str, seed: int = 0, device: str = "cpu", **results):
    """``results`` as JSON, with the study's name and environment; nothing without a path."""
    if path:
        write_json(path, {"study": study, **results, "env": environment(seed, device)})
