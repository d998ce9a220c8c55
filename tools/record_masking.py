"""Record what masking every operation costs, for notebook 01: data/studies/masking-PRESET.json.

    python tools/record_masking.py [--preset classroom] [--seeds 3] [--run runs/masking]

One search per seed (continued where it stopped), then every mask in every way of
``ch01_search_space.masking``; one thread."""

import argparse
from pathlib import Path

import numpy as np
import torch

from hinas_book.ch01_search_space.masking import PATCHES, WAYS, agreement, mask_all
from hinas_book.kit.recorded import FOLDER
from hinas_lab.config import to_dict
from hinas_lab.presets import preset
from hinas_lab.records import read_records
from hinas_lab.runs.folder import open_search, with_seed
from hinas_lab.storage import environment, write_json


def main() -> int:
    parser = argparse.ArgumentParser(description="record the masks of notebook 01")
    parser.add_argument("--preset", default="classroom")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--run", type=Path, default=Path("runs/masking"), help="folder of the searches"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    chosen, seeds = preset(args.preset), []
    for seed in range(args.seeds):
        folder = args.run / f"search-{seed}"
        for _ in open_search(folder, with_seed(chosen, seed), resume=True).steps():
            pass
        ways = {}
        for name, how in WAYS.items():
            alpha, drop = mask_all(folder, **how)
            ways[name] = np.round(drop, 5).tolist()
            print(seed, name, agreement(alpha, drop), flush=True)
        best = int(read_records(folder)["epoch/best"][-1])
        seeds.append(
            {
                "seed": seed,
                "best_epoch": best,
                "alpha": np.round(alpha.astype(float), 5).tolist(),
                "drops": ways,
            }
        )
    path = FOLDER / f"masking-{args.preset}.json"
    write_json(
        path,
        {
            "study": "masking",
            "preset": args.preset,
            "data": "builtin",
            "space": to_dict(chosen.space),
            "calibration_patches": PATCHES,
            "env": environment(0, "cpu"),
            "unit": "dB of PSNR lost on V",
            "searches": seeds,
        },
    )
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
