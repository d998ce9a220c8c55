"""Tables 10 to 12: what can be measured here under the tables' protocols, on the tables' pictures: our nets, classical methods, and a peer
trained with our budget. Published rows are not touched; they stand beside these in ``figures table10``."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hinas_book.ch10_state_of_the_art.peers import peer
from hinas_book.kit.claims import NOT_TESTED, claim
from hinas_book.kit.design import Setting, report
from hinas_book.paper.published import paper_table
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.jobs import Job, TrainJob, measure, run_job
from hinas_lab.analysis.leaks import refuse_leaks
from hinas_lab.analysis.statistics import bootstrap_images
from hinas_lab.images.datasets.catalog import locate
from hinas_lab.images.protocol import Restore
from hinas_lab.restoration.classical import CLASSICAL, INSTALLED_BY_USERS, classical

SIGMAS, SCALES = (30.0, 50.0, 70.0), (2, 3, 4)
SETS = {"denoise": ("BSDS500",), "sr": ("Set5", "Set14", "BSD100", "Urban100")}
PROTOCOLS = {"denoise": ("whole", "authors-eval"), "sr": ("sr-standard",)}
"of our nets; other methods are measured under the first"
SEARCHES = {"paper": 3, "paper/10": 3}
"seeds, of which the best on V is trained, at the presets of the paper; else 1"
PEER = "FSRCNN"
"for super-resolution, at equal iterations"


@dataclass(frozen=True, kw_only=True)
class PeerJob(Job):
    """Another method's net, trained with the budget of one of ours: its patches, batch, loss, optimiser, rates and seed."""

    method: str
    ours: TrainJob
    kind = "peer"
    seed = property(lambda self: self.ours.seed)
    preset = property(lambda self: self.ours.preset)

    @property
    def spec(self) -> dict:
        g = self.ours.net
        return {"kind": self.kind, "method": self.method, "task": g.task, "scale": g.scale} | {
            name: self.ours.spec[name]
            for name in ("preset", "data", "data_hash", "device", "train")
        }

    def run(self, folder: Path) -> dict:
        from hinas_book.ch10_state_of_the_art.peer_training import first_net
        from hinas_lab.runs.folder import open_peer

        g = self.ours.net
        run = open_peer(
            folder / self.key,
            self.method,
            lambda: first_net(peer(self.method, g.task), g.scale, self.seed),
            self.ours.train,
            task=g.task,
            scale=g.scale,
            channels=1,
            preset=self.preset.name,
            data=self.data,
            device=self.device,
            resume=True,
        )
        for _ in run.steps():
            pass
        return {
            "parameters": sum(
                p.numel() for p in peer(self.method, g.task).build(g.scale).parameters()
            )
        }

    def restore(self, folder: Path) -> Restore:
        from hinas_book.ch10_state_of_the_art.peer_training import load_peer
        from hinas_lab.restoration.restorer import restore_array

        g = self.ours.net
        net = load_peer(peer(self.method, g.task), g.scale, folder / self.key, self.device)
        return lambda image: restore_array(
            net, image, tile=max(image.shape), clip=False, device=self.device
        )


@dataclass(frozen=True, kw_only=True)
class MeasureJob(Job):
    """One method on one data set under one protocol: psnr, ssim, gmsd, n, seconds. ``train``: what trained it; None: a classical method."""

    method: str
    task: str
    level: float
    test: str
    protocol: str
    train: TrainJob | PeerJob | None = None
    kind = "measure"
    seed = property(lambda self: self.train.seed if self.train else 0)

    @property
    def spec(self) -> dict:
        return {
            "kind": self.kind,
            "method": self.method,
            "task": self.task,
            "level": self.level,
            "test": self.test,
            "protocol": self.protocol,
            "train": self.train and self.train.spec,
        }

    def run(self, folder: Path) -> dict:
        trained = {}
        if self.train is None:
            restore = classical(self.method, self.task, self.level)
        else:
            trained = {
                "preset": self.train.preset.name,
                "parameters": run_job(self.train, folder)["parameters"],
            }
            restore = self.train.restore(folder)
        return trained | {
            "protocol": self.protocol,
            **measure(restore, self.level, self.test, self.protocol),
        }


def here(names: tuple[str, ...], data: str) -> tuple[list[str], list[str]]:
    """Those of the data sets that lie on this machine, and why others are left out: not here, or trained on. FileNotFoundError names the
    command when there is none, ValueError the leak."""
    found, out, problems = [], [], []
    for name in names:
        try:
            locate(name)
            refuse_leaks(data, name)
            found.append(name)
        except (FileNotFoundError, ValueError) as error:
            out.append(
                f"{name}: {'not on this machine' if isinstance(error, FileNotFoundError) else f'{data} shares pictures with it'}"
            )
            problems.append(error)
    if not found:
        raise problems[0]
    return found, out


def gains(measured: dict[MeasureJob, dict]) -> list[dict]:
    """Of each of our denoisers: the second protocol's PSNR minus the first's, with an interval over other pictures of the kind."""
    base, other = PROTOCOLS["denoise"]
    images = {
        (job.level, job.protocol): row["images"]
        for job, row in measured.items()
        if (job.method, job.task) == ("ours", "denoise")
    }
    out = []
    for level in sorted({level for level, _ in images}):
        a, b = images[level, other], images[level, base]
        contrast = asdict(bootstrap_images([a[name] - b[name] for name in b]))
        out.append(
            {"level": level, "protocol": other, "against": base}
            | {k: round(contrast[k], 5) for k in ("mean", "low", "high", "n")}
        )
    return out


def beside_print(base: str, rows: list[dict]) -> dict:
    """The registered claim, in words: a measured and a published row are never subtracted, and one net is no sample."""
    registered, at = claim("sota-denoise"), 50.0
    printed = ", ".join(
        f"{name} {paper_table(10).row(name)['psnr_s50'].printed}"
        for name in ("HiNAS", registered.against)
    )
    ours = ", ".join(
        f"{r['psnr']:.2f} dB under {r['protocol']}"
        for r in rows
        if (r["method"], r["task"], r["level"]) == ("ours", "denoise", at)
    )
    return {
        "verdict": "unresolved" if base in SEARCHES else NOT_TESTED,
        "least": registered.least,
        "metric": registered.metric,
        "mean": None,
        "low": None,
        "high": None,
        "p": None,
        "n": 1,
        "dataset": "BSDS500 test",
        "protocol": " and ".join(PROTOCOLS["denoise"]),
        "note": f"at sigma {at:g} here {ours}; printed: {printed}",
    }


def design(setting: Setting) -> Design:
    """Of several searches the one that is best on V is trained; each search has its own V, so that pick is as rough as V is small."""
    if setting.seeds:
        raise ValueError("--seeds: state-of-the-art trains one net for each level; leave it out")
    # BSD100 is the validation part of BSDS500: super-resolution learns from its training part alone
    settings = {
        "denoise": setting,
        "sr": replace(setting, data="BSDS500/train") if setting.data == "BSDS500" else setting,
    }
    sets = {task: here(names, settings[task].data) for task, names in SETS.items()}
    searches = {
        ("denoise", 1, seed): setting.search(seed) for seed in range(SEARCHES.get(setting.base, 1))
    }
    searches |= {("sr", s, 0): settings["sr"].search(0, "sr", scale=s) for s in SCALES}
    found = dict(zip(searches, (yield list(searches.values()))))
    best = max(
        (row for (task, *_), row in found.items() if task == "denoise"),
        key=lambda row: row["epochs"]["score"][row["best"]],
    )
    trainings = {("denoise", s): setting.train(best["genotype"], sigmas=(s,)) for s in SIGMAS}
    trainings |= {
        ("sr", float(s)): settings["sr"].train(found["sr", s, 0]["genotype"]) for s in SCALES
    }
    peers = {
        at: PeerJob(base=setting.base, data=job.data, device=setting.device, method=PEER, ours=job)
        for at, job in trainings.items()
        if at[0] == "sr"
    }
    trained = yield [*trainings.values(), *peers.values()]
    jobs = []
    for (task, level), job in trainings.items():
        methods = [("ours", job, PROTOCOLS[task])]
        methods += [
            (name, None, PROTOCOLS[task][:1])
            for name in CLASSICAL[task]
            if name not in INSTALLED_BY_USERS
        ]
        methods += (
            [(PEER, peers[task, level], PROTOCOLS[task][:1])] if (task, level) in peers else []
        )
        jobs += [
            MeasureJob(
                base=setting.base,
                device=setting.device,
                method=method,
                task=task,
                level=level,
                test=test,
                protocol=name,
                train=train,
            )
            for test in sets[task][0]
            for method, train, names in methods
            for name in names
        ]
    done = yield jobs
    rows = []
    for job, row in zip(jobs, done):
        rows.append(
            {
                "method": job.method,
                "task": job.task,
                "level": job.level,
                "test": job.test,
                "protocol": job.protocol,
                **{k: row.get(k) for k in ("n", "psnr", "ssim", "gmsd", "seconds", "parameters")},
                "key": row["key"],
                "weights": job.train and job.train.key,
                "preset": row.get("preset", "none"),
                "seed": job.seed,
            }
        )
    return report(
        "state-of-the-art",
        setting,
        rows,
        [*found.values(), *trained, *done],
        {"sota-denoise": beside_print(setting.base, rows)},
        gains=gains(dict(zip(jobs, done))),
        left_out=sets["denoise"][1] + sets["sr"][1],
        trained_on={task: s.data for task, s in settings.items()},
        genotypes={job.key: job.genotype for job in trainings.values()},
    )


def findings(told: dict) -> list[str]:
    """Methods as measured, a line each."""
    out = [
        f"{'method':<10}{'level':>5}  {'test':<9}{'protocol':<13}{'n':>4}{'PSNR dB':>9}{'SSIM':>8}{'GMSD':>8}{'parameters':>11}"
    ]
    for r in told["rows"]:
        level = f"{'x' * (r['task'] == 'sr')}{r['level']:g}"
        out.append(
            f"{r['method']:<10}{level:>5}  {r['test']:<9}{r['protocol']:<13}{r['n']:>4}{r['psnr']:>9.2f}{r['ssim']:>8.4f}"
            f"{r['gmsd']:>8.4f}{r['parameters'] or '-':>11}"
        )
    gained = [
        f"{g['protocol']} instead of {g['against']} gives our net {g['mean']:+.3f} dB ({g['low']:+.3f} to {g['high']:+.3f}) at sigma "
        f"{g['level']:g}"
        for g in told["gains"]
    ]
    return [*out, *gained, *(f"left out: {why}" for why in told["left_out"])]
