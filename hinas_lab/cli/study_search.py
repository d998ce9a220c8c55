"""``hinas-lab study search``: decoded nets against random ones, several seeds, resumable, rows as JSON."""

from dataclasses import asdict
from pathlib import Path


def add(studies):
    parser = studies.add_parser("search", help="decoded nets against random ones, trained equally")
    parser.add_argument("--preset", default="study")
    parser.add_argument("--seeds", type=int, default=5, help="searches (default: 5)")
    parser.add_argument("--random", type=int, default=20, metavar="N", help="random genotypes (default: 20)")
    parser.add_argument("--data", default="builtin", metavar="NAME|DIR")
    parser.add_argument("--run", default=None, metavar="DIR", help="folder of the study (default: runs/study-search-PRESET)")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each (default: 2)")
    parser.set_defaults(run_command=run)


def run(args) -> int:
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    from tqdm import tqdm

    from hinas_lab.config import preset
    from hinas_lab.engine.runs import with_seed
    from hinas_lab.storage import environment, write_json
    from hinas_lab.studies.leaks import refuse_leaks
    from hinas_lab.studies.random_search import difference, percentile, search_against_random

    for name, least in (("seeds", 2), ("random", 2), ("workers", 1)):
        if getattr(args, name) < least:
            raise ValueError(f"{name} = {getattr(args, name)}: must be at least {least}")
    folder = Path(args.run or f"runs/study-search-{args.preset}")
    presets = [with_seed(preset(args.preset), seed) for seed in range(args.seeds)]
    if len(presets[0].train.sigmas) != 1:
        raise ValueError(f"preset = {args.preset!r}: the study needs a training at one noise level")
    refuse_leaks(args.data, "builtin")
    nets = []
    with ProcessPoolExecutor(args.workers, mp_context=get_context("spawn")) as pool:
        jobs = search_against_random(str(folder), presets, args.random, args.data, pool)
        try:
            for net in tqdm(jobs, total=args.seeds + args.random, desc="nets", disable=None):
                nets.append(net)
        except BrokenProcessPool:
            raise OSError("a worker process died (out of memory?); run the same command again, finished nets are kept") from None
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    arms = {arm: sorted(n.psnr for n in nets if n.arm == arm) for arm in ("searched", "random")}
    for arm, values in arms.items():
        print(f"{arm:<9} n = {len(values):2d}  mean {sum(values) / len(values):.3f} dB  min {values[0]:.3f}  max {values[-1]:.3f}")
    gap, low, high = difference(arms["searched"], arms["random"])
    ranks = [percentile(v, arms["random"]) for v in arms["searched"]]
    verdict = "resolved" if low > 0 or high < 0 else "unresolved"
    print(f"searched - random: {gap:+.3f} dB, 95 % interval {low:+.3f} to {high:+.3f} ({verdict}); "
          f"percentiles of the searched: {', '.join(f'{r:.0f}' for r in ranks)}")
    print(f"sigma {presets[0].train.sigmas[0]:g}, protocol whole, preset {args.preset}, device cpu, one thread a net, "
          f"seeds 0 to {args.seeds - 1}")
    rows = [asdict(n) for n in sorted(nets, key=lambda n: (n.arm, n.genotype))]
    write_json(folder / "study.json", {"study": "search", "preset": args.preset, "protocol": "whole", "seeds": args.seeds,
                                       "env": environment(0, "cpu") | {"threads": 1}, "difference_db": [gap, low, high], "rows": rows})
    print(f"wrote {folder / 'study.json'}")
    return 0
