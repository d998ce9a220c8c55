"""Studies that were run before and are kept in the repository (``data/studies``), so that a lesson starts at once."""

import json
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "data" / "studies"


def recorded(name: str) -> dict:
    """The JSON of a study, e.g. ``protocol-tv-BSDS500-50``. ValueError names the known ones."""
    known = sorted(p.stem for p in FOLDER.glob("*.json"))
    if name not in known:
        raise ValueError(f"recorded study {name!r}: must be one of {', '.join(known) or 'none'} (in {FOLDER} of a checkout)")
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
