"""Does a setting train, or does it diverge? The first steps of a search or a training, step by step, as a line of JSON.

    python tools/stability.py train --preset paper --data BSDS500 --batch 6 --patch 40 --steps 200 --json FILE
    python tools/stability.py search --preset paper --task sr --scale 4 --set search.grad_clip=1 --steps 60 --json FILE

A training learns a random net of the preset's space (``--genotype SEED``) at the rate of its schedule's
beginning; a search takes its warm-up's weight steps, and with ``--arch`` alternates from the first step.
The line holds the pixel loss of every step and that of a net that changes nothing. ``--data BSDS500`` is
found below $HINAS_DATA.
"""

import argparse
import json
import math
import random
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from hinas_lab.cli.common import add_run_options, resolve, task_options, use_machine
from hinas_lab.engine.runs import _patches
from hinas_lab.engine.search import Search, arch_step, weight_step
from hinas_lab.engine.train import Training, train_step
from hinas_lab.space.genotype import sample


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("search", "train"))
    task_options(parser)
    add_run_options(parser)
    for action in parser._actions:
        action.required = action.required and action.dest != "run"
    parser.add_argument("--batch", type=int)
    parser.add_argument("--patch", type=int)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--genotype", type=int, default=0, metavar="SEED", help="of the random net")
    parser.add_argument("--arch", action="store_true", help="an arch step before each weight step")
    parser.add_argument("--json", type=Path, help="the file that gets one more line")
    return parser.parse_args()


def losses(args: argparse.Namespace, chosen, patches):
    """Per step: total, pixel term, l_ssim."""
    if args.kind == "train":
        genotype = sample(chosen.space, random.Random(args.genotype))
        state = Training(genotype, chosen.train, patches, chosen.space.residual)
        while True:
            yield train_step(state).tolist()
    state = Search(chosen.space, chosen.search, patches)
    while True:
        if args.arch:
            arch_step(state)
        record = weight_step(state)
        yield record.loss, record.pixel, record.lssim
        if state.iteration == state.steps:
            state.epoch, state.iteration = state.epoch + 1, 0


def identity(args: argparse.Namespace, chosen, patches) -> float:
    """Mean pixel loss of a net that changes nothing: the noise itself, or MATLAB's bicubic."""
    zero = argparse.Namespace(**vars(args) | {"kind": "train"})
    still = chosen._replace(train=replace(chosen.train, lr=1e-30, grad_clip=None, warmup=0))
    same = replace(still.train, sigmas=getattr(chosen, args.kind).sigmas)
    stream = losses(zero, still._replace(train=same), patches)
    return float(np.mean([next(stream)[1] for _ in range(8)]))


def main():
    args = parse()
    part = args.kind
    for name in ("batch", "patch"):
        if getattr(args, name) is not None:
            args.set.append(f"{part}.{name}={getattr(args, name)}")
    chosen = resolve(args, args.task, args.scale, ("space", part))
    patches = _patches(args.data, chosen.space.channels, chosen.space.scale, use_machine(args))
    row = {name: getattr(args, name) for name in
           ("kind", "preset", "task", "scale", "data", "seed", "genotype", "arch", "steps")}
    row |= {"set": args.set, "threads": torch.get_num_threads()}
    row["identity"] = identity(args, chosen._replace(search=replace(chosen.search)), patches)
    start, seen, end = time.perf_counter(), [], ""
    try:
        for values, _ in zip(losses(args, chosen, patches), range(args.steps)):
            seen.append(values[1])
            if not math.isfinite(values[1]):
                break
    except FloatingPointError as error:
        end = str(error)
    tail = float(np.mean(seen[-50:])) if not end else math.nan
    row |= {"end": end, "peak": max(seen), "peak_at": 1 + int(np.argmax(seen)), "tail": tail,
            "seconds": round(time.perf_counter() - start, 1),
            "pixel": [float(f"{x:.4g}") for x in seen]}
    print(f"{part} {args.preset} {args.task} {' '.join(args.set)} seed {args.seed}: identity "
          f"{row['identity']:.4f}, peak {row['peak']:.4g} at {row['peak_at']}, "
          f"mean of the last 50 {tail:.4g} {end}", flush=True)
    if args.json:
        with open(args.json, "a") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
