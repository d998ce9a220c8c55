"""A run's config.json: what was asked. No torch."""

import json
from pathlib import Path

FORMAT = 1
FIELDS = {"search": {"preset", "data", "space", "search"}, "train": {"preset", "data", "genotype", "residual", "train"},
          "peer": {"preset", "data", "data_hash", "peer", "task", "scale", "train"}}
"what each kind of run says of itself"


def read_header(folder: str | Path) -> dict:
    """A run's config.json, checked. ValueError in one line when the folder is no run, of a newer version, or damaged."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such run folder")
    if not (folder / "config.json").exists():
        raise ValueError(f"{folder}: not a run folder (no config.json)")
    header = read_json(folder / "config.json")
    if header.get("format") != FORMAT or not FIELDS.get(str(header.get("kind")), {""}) <= set(header):
        raise ValueError(f"{folder / 'config.json'}: not a run of this version of hinas_lab")
    return header


def read_json(path: Path) -> dict:
    """A JSON object from a file; ValueError in one line for anything else."""
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: damaged or unreadable ({type(error).__name__})") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: damaged (not a JSON object)")
    return values
