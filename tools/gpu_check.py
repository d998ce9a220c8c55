"""Does a device give the numbers that were promised of it? Each check a line and a row of JSON;
exit code 1 when one fails.

    python tools/gpu_check.py --device cuda --preset paper --json FILE

Graphs against eager steps, bit for bit, for searches and trainings in every precision; a stopped
and resumed search against an undisturbed one; losses against the CPU's; V scored many tiles a call
against one by one. Pictures: crops of the built-in photographs."""

import argparse
import random
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from hinas_book.bench.gpu import pictures
from hinas_lab.cli.common import use_machine
from hinas_lab.images.patches import Patches
from hinas_lab.presets import Preset, preset
from hinas_lab.searching.loop import Search, arch_step, weight_step
from hinas_lab.searching.scoring import validate
from hinas_lab.space.genotype import sample
from hinas_lab.storage import environment, write_json
from hinas_lab.training import scoring
from hinas_lab.training.training import Training, train_step

PRECISIONS = ("float32", "tf32", "bfloat16", "float16")


def searched(
    chosen, patches: Patches, precision: str, graphs: str, stop: bool = False
) -> tuple[list[float], dict]:
    """Losses of two arch and two weight steps, and the state behind them; ``stop``: continued by
    another object after the first two."""

    def make() -> Search:
        return Search(chosen.space, replace(chosen.search, precision=precision), patches, graphs)

    state, losses = make(), []
    shake(state.net.weight_parameters)
    for n in range(2):
        losses += [arch_step(state).loss, weight_step(state).loss]
        if stop and n == 0:
            kept = {k: v.clone() for k, v in state.tensors().items()}
            state = make()
            state.load(kept)
    return losses, state.tensors()


def trained(chosen, patches: Patches, precision: str, graphs: str) -> tuple[list[float], dict]:
    state = Training(
        sample(chosen.space, random.Random(0)),
        replace(chosen.train, precision=precision),
        patches,
        graphs=graphs,
    )
    losses = [train_step(state)[0].clone() for _ in range(4)]
    return torch.stack(losses).tolist(), state.tensors()


def shake(parameters: list[torch.nn.Parameter]):
    """Away from the start, where the last convolution is zero and hides what lies before it."""
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for p in parameters:
            p.add_(0.03 * torch.randn(p.shape, generator=rng).to(p.device))


def same(a: tuple[list[float], dict], b: tuple[list[float], dict]) -> bool:
    """The same losses, and the same bits in every tensor (nan is nan)."""
    return a[0] == b[0] and all(
        torch.equal(x.nan_to_num(), b[1][name].nan_to_num()) for name, x in a[1].items()
    )


def checks(name: str, device: str) -> Iterator[tuple[str, bool, str]]:
    """(what, does it hold, the numbers)."""
    on = "on" if device.startswith("cuda") else "auto"
    for task in ("denoise", "sr"):
        chosen, images = material(name, task)
        patches = Patches(images, scale=chosen.space.scale, device=device)

        def graphs(kind: str, precision: str, chosen=chosen, patches=patches) -> tuple[bool, str]:
            f = searched if kind == "search" else trained
            eager, recorded = (
                f(chosen, patches, precision, "off"),
                f(chosen, patches, precision, on),
            )
            return same(eager, recorded), f"{eager[0]} {recorded[0]}"

        def resumed(chosen=chosen, patches=patches) -> tuple[bool, str]:
            whole, again = (
                searched(chosen, patches, "float32", on, stop) for stop in (False, True)
            )
            return same(whole, again), f"{whole[0]} {again[0]}"

        def near_the_cpu(chosen=chosen, patches=patches, images=images) -> tuple[bool, str]:
            there = trained(chosen, patches, "float32", on)[0]
            here = trained(chosen, Patches(images, scale=chosen.space.scale), "float32", "off")[0]
            apart = max(abs(a - b) / abs(b) for a, b in zip(there[:2], here[:2]))
            return apart < 1e-4, f"relative {apart:.1e}"

        def tiles(chosen=chosen, patches=patches) -> tuple[bool, str]:
            state = Search(chosen.space, chosen.search, patches)
            shake(state.net.weight_parameters)
            v, config = state.split.v[:1], replace(chosen.search, validate_crop=160)
            many = validate(state.net, patches, v, config)
            several, scoring.pixels_at_once = scoring.pixels_at_once, lambda device: 1
            one = validate(state.net, patches, v, config)
            scoring.pixels_at_once = several
            apart = max(abs(many[k] - one[k]) for k in one)
            return apart < 1e-5, f"apart {apart:.1e}"

        wanted = {
            f"{task} {kind}, {precision}: graph = eager, bit for bit": partial(
                graphs, kind, precision
            )
            for precision in PRECISIONS
            for kind in ("search", "training")
        }
        wanted |= {
            f"{task} search resumed = undisturbed, bit for bit": resumed,
            f"{task} training: first losses = the CPU's to 1e-4": near_the_cpu,
            f"{task} V many tiles a call = one by one to 1e-5": tiles,
        }
        for what, check in wanted.items():
            try:
                yield what, *check()
            except Exception as error:  # the others are still of interest
                refused = isinstance(error, ValueError) and "precision = 'bfloat16'" in str(
                    error
                )  # an old GPU, as it should be
                yield what, refused, f"{type(error).__name__}: {str(error)[:100]}"


def material(name: str, task: str) -> tuple[Preset, dict[str, np.ndarray]]:
    """The preset with enough crops an image for its batch, and pictures of BSDS500's size."""
    chosen = preset(name, task)
    images = pictures(40, *((321, 481) if name != "tiny" else (64, 80)))
    if chosen.space.channels == 3:
        images = {key: image[..., None].repeat(3, axis=2) for key, image in images.items()}
    return chosen._replace(search=replace(chosen.search, crops_per_image=8)), images


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    device, rows = use_machine(Namespace(device=args.device, threads=None)), []
    for what, holds, numbers in checks(args.preset, device):
        print(
            f"{'ok  ' if holds else 'FAIL'} {what}" + f"\n     {numbers}" * (not holds), flush=True
        )
        rows.append({"what": what, "holds": holds, "numbers": numbers})
        if args.json:  # after each: nothing is lost when time runs out
            write_json(
                args.json, {"machine": environment(0, device), "preset": args.preset, "rows": rows}
            )
    return 0 if all(row["holds"] for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
