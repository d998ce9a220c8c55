"""Search and train what the notebooks restore with, at preset classroom, seed 0, one thread (about
ten minutes): data/nets.

    python tools/record_nets.py [NAME ...]
    python tools/record_nets.py --campaign [DIR]      the nets of finished studies that the figures
                                                      show (DIR: runs/campaign)

Only what is missing is made. The search ``supernet`` keeps its weights and no records, a training
all but the state to continue from."""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from hinas_book.kit.stored_nets import FOLDER, KEPT, NETS, SEARCHES, kept_key, searched, trained
from hinas_lab.presets import preset
from hinas_lab.runs.folder import load_genotype, with_seed


def keep(run: Path, name: str):
    """Copy what a lesson needs of a run made outside the repository; one that lies there already
    stays."""
    if run.is_relative_to(FOLDER.parent):
        return
    shutil.copytree(
        run, FOLDER / name, ignore=shutil.ignore_patterns("state.safetensors", "row.json", ".*")
    )
    print(
        f"data/nets/{name}: "
        f"{sum(f.stat().st_size for f in (FOLDER / name).iterdir()) / 1000:.0f} kB"
    )


def campaign(store: Path) -> int:
    missing = []
    for name in KEPT:
        try:
            run = store / kept_key(name)
            if not (FOLDER / name).exists():
                keep(run, name)
        except (ValueError, OSError) as error:
            missing.append(f"{name}: {error}")
    print("\n".join(missing), file=sys.stderr)
    return 1 if missing else 0


def main(names: list[str]) -> int:
    if names[:1] == ["--campaign"]:
        return campaign(Path(names[1] if len(names) > 1 else "runs/campaign"))
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        here = {"folder": folder, "device": "cpu"}
        for search, task in SEARCHES.items():
            settings = with_seed(preset("classroom", task), 0)
            run = searched(search, settings, **here)
            keep(run, search)
            genotype = load_genotype(run)
            for name in NETS:
                if name.endswith("-sr") == search.endswith("-sr") and (not names or name in names):
                    keep(trained(name, genotype, settings, **here), name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
