"""Does a setting train, or does it diverge? The first steps of a search or a training, step by
step, as a line of JSON.

    python tools/stability.py train --preset paper --data BSDS500 --batch 6 --patch 40
        --steps 200 --json FILE
    python tools/stability.py search --preset paper --task sr --scale 4
        --set search.grad_clip=1 --steps 60 --json FILE
    python tools/stability.py train --from RUN --json FILE     the steps that a run folder has kept

A training learns a random net of the preset's space (``--genotype SEED``) at the rate of its
schedule's beginning; a search takes weight steps, with ``--arch`` an arch step before each. The
line holds the pixel loss of every step and that of a net that changes nothing. docs/stability.md is
made of data/stability (``make docs``); ``--data BSDS500`` is found below $HINAS_DATA."""

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from hinas_lab.cli.common import add_run_options, resolve, task_options, use_machine
from hinas_lab.images.patches import Patches
from hinas_lab.presets import Preset
from hinas_lab.records import KINDS, read_records
from hinas_lab.runs.folder import training_patches
from hinas_lab.runs.header import read_header
from hinas_lab.searching.loop import Search, arch_step, weight_step
from hinas_lab.space.genotype import sample
from hinas_lab.space.layers import GlobalSkip
from hinas_lab.storage import environment, read_json
from hinas_lab.training.losses import restoration_loss
from hinas_lab.training.training import Training, train_step

TAIL = 50
"steps whose mean says where a setting has come to"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("search", "train"))
    task_options(parser)
    add_run_options(parser, ("space", "search", "train"))
    for action in parser._actions:
        action.required = action.required and action.dest != "run"
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="RUN",
        help="nothing is run: what this run folder has recorded",
    )
    parser.add_argument("--batch", type=int)
    parser.add_argument("--patch", type=int)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--genotype", type=int, default=0, metavar="SEED", help="of the random net")
    parser.add_argument("--arch", action="store_true", help="an arch step before each weight step")
    parser.add_argument("--json", type=Path, help="the file that gets one more line")
    return parser.parse_args()


def losses(args: argparse.Namespace, chosen: Preset, patches: Patches) -> Iterator[float]:
    """The pixel loss of each step of the weights."""
    if args.kind == "train":
        state = Training(
            sample(chosen.space, random.Random(args.genotype)),
            chosen.train,
            patches,
            chosen.space.residual,
        )
        while True:
            values = train_step(state)
            state.divergence.check(values.tolist(), f"iteration {state.iteration}", changed=True)
            yield values[1].item()
    state = Search(chosen.space, chosen.search, patches)
    while True:
        if args.arch:
            arch_step(state)
        yield weight_step(state).pixel
        if state.iteration == state.steps:
            state.epoch, state.iteration = state.epoch + 1, 0


def unchanged(args: argparse.Namespace, chosen: Preset, patches: Patches) -> float:
    """Mean pixel loss of a net that changes nothing: of denoising the noise's mean variance, else
    the bicubic of the training's skip on the batches of its last TAIL steps (few patches differ
    much in what bicubic leaves)."""
    config = getattr(chosen, args.kind)
    if chosen.space.task == "denoise":
        return float(np.mean(np.square(config.sigmas))) / 255**2
    state = Training(
        sample(chosen.space, random.Random(0)),
        replace(
            chosen.train,
            batch=config.batch,
            patch=config.patch,
            sigmas=config.sigmas,
            seed=config.seed,
        ),
        patches,
        graphs="off",
    )
    still, errors = GlobalSkip(patches.scale, chosen.train.upsampling), []
    for i in range(max(0, args.steps - TAIL), args.steps):
        degraded, clean = state.make([t.to(patches.device) for t in state.batches(i)])
        errors.append(restoration_loss(still(degraded), clean, config.loss)[1].item())
    return float(np.mean(errors))


def tried(args: argparse.Namespace) -> dict:
    for name in ("batch", "patch"):
        if getattr(args, name) is not None:
            args.set.append(f"{args.kind}.{name}={getattr(args, name)}")
    args.parts = ("space", args.kind)
    chosen = resolve(args, args.task, args.scale)
    device = use_machine(args)
    patches = training_patches(
        args.data, chosen.space.task, chosen.space.channels, chosen.space.scale, device
    )
    config = getattr(chosen, args.kind)
    row = {
        name: getattr(args, name)
        for name in ("kind", "preset", "task", "data", "seed", "genotype", "arch", "set")
    }
    row |= {
        "scale": chosen.space.scale,
        "batch": config.batch,
        "patch": config.patch,
        "steps": args.steps,
    }
    if config.loss.pixel != "mse":
        row["pixel loss"] = config.loss.pixel
    row |= {"identity": unchanged(args, chosen, patches), "env": environment(args.seed, device)}
    start, seen, end = time.perf_counter(), [], ""
    try:
        for value, _ in zip(losses(args, chosen, patches), range(args.steps)):
            seen.append(value)
    except FloatingPointError as error:
        end = str(error).partition(";")[0]
    except KeyboardInterrupt:  # time ran out: what there is counts
        row["steps"] = len(seen)
    return row | {"end": end, "seconds": round(time.perf_counter() - start, 1), "pixel": seen}


def recorded(args: argparse.Namespace) -> dict:
    """A row of a run folder: its steps of the weights so far, of a training the means that were
    recorded, with their iterations."""
    header, columns, env = (
        read_header(args.source),
        read_records(args.source),
        read_json(args.source / "env.json"),
    )
    config, weights = header[args.kind], columns["step/kind"] != KINDS.index("arch")
    row = {
        "kind": args.kind,
        "preset": header["preset"],
        "data": header["data"],
        "seed": config["seed"],
        "set": [],
        "batch": config["batch"],
        "patch": config["patch"],
        "env": env,
        "end": "",
        "seconds": float(columns["step/seconds"].sum()),
    }
    if args.kind == "search":
        space, row["steps"] = header["space"], int(weights.sum())
        row["arch steps"] = int((~weights).sum())
        row |= {
            name: round(float(columns[f"epoch/{name}"][-1]), 5)
            for name in ("alpha_entropy", "skip_share")
        }
    else:
        space, row["steps"] = header["genotype"], int(columns["step/iteration"][-1])
        row["at"] = columns["step/iteration"].tolist()
    return row | {
        "task": space["task"],
        "scale": space["scale"],
        "pixel": columns["step/pixel"][weights].tolist(),
    }


def main():
    args = parse()
    row = recorded(args) if args.source else tried(args)
    seen = row["pixel"]
    if not seen:
        raise SystemExit("not one step was taken")
    row |= {
        "pixel": [float(f"{x:.4g}") for x in seen],
        "peak": max(seen),
        "peak_at": 1 + int(np.argmax(seen)),
        "tail": None if row["end"] else float(np.mean(seen[-TAIL:])),
    }
    still = f"identity {row['identity']:.4f}, " if "identity" in row else ""
    tail = row["end"] or f"mean of the last {TAIL} {row['tail']:.4g}"
    print(
        f"{row['kind']} {row['preset']} {row['task']} {' '.join(row['set'])} seed {row['seed']}: "
        f"{still}"
        f"peak {row['peak']:.4g} at {row['peak_at']}, {tail}",
        flush=True,
    )
    if args.json:
        with open(args.json, "a") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
