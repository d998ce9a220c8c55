"""Tables 10 to 12: what can be measured here under the tables' protocols, on the tables' pictures.

Our nets, classical methods, and a peer trained with our budget. Published rows are not touched;
they stand beside these in ``figures table10``.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hinas_book.ch10_state_of_the_art.peers import Peer, peer
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

SIGMAS = (30.0, 50.0, 70.0)
SCALES = (2, 3, 4)
SETS = {"denoise": ("BSDS500",), "sr": ("Set5", "Set14", "BSD100", "Urban100")}
PROTOCOLS = {"denoise": ("whole", "authors-eval"), "sr": ("sr-standard",)}
"of our nets; other methods are measured under the first"
SEARCHES = {"paper": 3, "paper/10": 3}
"seeds, of which the best on V is trained, at the presets of the paper; else 1"
PEER = "FSRCNN"
"for super-resolution, at equal iterations"
MEASURED = ("method", "task", "level", "test", "protocol")
"what names a measurement: fields of ``MeasureJob``"


@dataclass(frozen=True, kw_only=True)
class PeerJob(Job):
    """Another method's net, trained with the budget of one of ours.

    Its patches, batch, loss, optimiser, rates and seed.
    """

    method: str
    ours: TrainJob
    kind = "peer"
    seed = property(lambda self: self.ours.seed)
    preset = property(lambda self: self.ours.preset)

    @property
    def spec(self) -> dict:
        net = self.ours.net
        # no genotype: the peer is the same whatever net of ours sets its budget
        shared = ("preset", "data", "data_hash", "device", "train")
        return {
            "kind": self.kind,
            "method": self.method,
            "task": net.task,
            "scale": net.scale,
            **{name: self.ours.spec[name] for name in shared},
        }

    @property
    def peer(self) -> Peer:
        return peer(self.method, self.ours.net.task)

    def run(self, folder: Path) -> dict:
        from hinas_book.ch10_state_of_the_art.peer_training import open_run

        scale = self.ours.net.scale
        run = open_run(
            self.peer,
            folder / self.key,
            self.ours.train,
            scale=scale,
            preset=self.preset.name,
            data=self.data,
            device=self.device,
        )
        for _ in run.steps():
            pass
        return {"parameters": sum(p.numel() for p in self.peer.build(scale).parameters())}

    def restore(self, folder: Path) -> Restore:
        from hinas_book.ch10_state_of_the_art.peer_training import load_peer, restorer

        scale = self.ours.net.scale
        return restorer(load_peer(self.peer, scale, folder / self.key, self.device), self.device)


@dataclass(frozen=True, kw_only=True)
class MeasureJob(Job):
    """One method on one data set under one protocol: psnr, ssim, gmsd, n, seconds."""

    method: str
    task: str
    level: float
    test: str
    protocol: str
    train: TrainJob | PeerJob | None = None
    "what trained it; None: a classical method"
    kind = "measure"
    seed = property(lambda self: self.train.seed if self.train else 0)

    @property
    def name(self) -> dict:
        return {name: getattr(self, name) for name in MEASURED}

    @property
    def spec(self) -> dict:
        return {"kind": self.kind, **self.name, "train": self.train and self.train.spec}

    def run(self, folder: Path) -> dict:
        row = {}
        if self.train is None:
            restore = classical(self.method, self.task, self.level)
        else:
            parameters = run_job(self.train, folder)["parameters"]
            row = {"preset": self.train.preset.name, "parameters": parameters}
            restore = self.train.restore(folder)
        row["protocol"] = self.protocol
        return row | measure(restore, self.level, self.test, self.protocol)


def usable_sets(names: tuple[str, ...], data: str) -> tuple[list[str], list[str]]:
    """Those of the data sets that lie on this machine, and why others are left out.

    Not here, or trained on. When there is none FileNotFoundError names the command, ValueError the
    leak.
    """
    usable = []
    left_out = {}
    for name in names:
        try:
            locate(name)
            refuse_leaks(data, name)
            usable.append(name)
        except FileNotFoundError as error:
            left_out[f"{name}: not on this machine"] = error
        except ValueError as error:
            left_out[f"{name}: {data} shares pictures with it"] = error
    # the first reason is as good as any: none of the sets can be used
    if not usable:
        raise next(iter(left_out.values()))
    return usable, list(left_out)


def gains(measured: dict[MeasureJob, dict]) -> list[dict]:
    """Of each of our denoisers: the second protocol's PSNR minus the first's.

    With an interval over other pictures of the kind.
    """
    base, other = PROTOCOLS["denoise"]
    psnr: dict[float, dict[str, dict[str, float]]] = {}
    for job, row in measured.items():
        if (job.method, job.task) == ("ours", "denoise"):
            psnr.setdefault(job.level, {})[job.protocol] = row["images"]
    out = []
    for level, under in sorted(psnr.items()):
        # the same pictures and the same net under both protocols
        pairs = [under[other][image] - value for image, value in under[base].items()]
        contrast = asdict(bootstrap_images(pairs))
        gain = {key: round(contrast[key], 5) for key in ("mean", "low", "high", "n")}
        out.append({"level": level, "protocol": other, "against": base, **gain})
    return out


def beside_print(base: str, rows: list[dict]) -> dict:
    """The registered claim, in words.

    A measured and a published row are never subtracted, and one net is no sample.
    """
    registered = claim("sota-denoise")
    level = 50.0
    printed = []
    for method in ("HiNAS", registered.against):
        printed.append(f"{method} {paper_table(10).row(method)['psnr_s50'].printed}")
    ours = []
    for row in rows:
        if (row["method"], row["task"], row["level"]) == ("ours", "denoise", level):
            ours.append(f"{row['psnr']:.2f} dB under {row['protocol']}")
    return {
        "verdict": "unresolved" if base in SEARCHES else NOT_TESTED,
        "least": registered.least,
        "metric": registered.metric,
        **dict.fromkeys(("mean", "low", "high", "p")),
        "n": 1,
        "dataset": "BSDS500 test",
        "protocol": " and ".join(PROTOCOLS["denoise"]),
        "note": f"at sigma {level:g} here {', '.join(ours)}; printed: {', '.join(printed)}",
    }


def design(setting: Setting) -> Design:
    """Of several searches the one that is best on V is trained.

    Each search has its own V, so that pick is as rough as V is small.
    """
    if setting.seeds:
        raise ValueError("--seeds: state-of-the-art trains one net for each level; leave it out")
    settings = {"denoise": setting, "sr": setting}
    if setting.data == "BSDS500":
        # BSD100 is the validation part of BSDS500: learn from its training part alone
        settings["sr"] = replace(setting, data="BSDS500/train")
    sets = {task: usable_sets(names, settings[task].data) for task, names in SETS.items()}
    seeds = range(SEARCHES.get(setting.base, 1))
    searches = yield [
        *(setting.search(seed) for seed in seeds),
        *(settings["sr"].search(0, "sr", scale=scale) for scale in SCALES),
    ]
    # of the denoising searches: one genotype for all noise levels
    best = max(searches[: len(seeds)], key=_score_on_v)
    trainings = {}
    for sigma in SIGMAS:
        trainings["denoise", sigma] = setting.train(best["genotype"], sigmas=(sigma,))
    peers = {}
    for scale, search in zip(SCALES, searches[len(seeds) :]):
        job = settings["sr"].train(search["genotype"])
        trainings["sr", float(scale)] = job
        peers["sr", float(scale)] = PeerJob(
            base=setting.base, data=job.data, device=setting.device, method=PEER, ours=job
        )
    trained = yield [*trainings.values(), *peers.values()]
    jobs = _measurements(setting, trainings, peers, sets)
    measured = dict(zip(jobs, (yield jobs)))
    rows = [_row(job, row) for job, row in measured.items()]
    return report(
        "state-of-the-art",
        setting,
        rows,
        [*searches, *trained, *measured.values()],
        {"sota-denoise": beside_print(setting.base, rows)},
        gains=gains(measured),
        left_out=sets["denoise"][1] + sets["sr"][1],
        trained_on={task: s.data for task, s in settings.items()},
        genotypes={job.key: job.genotype for job in trainings.values()},
    )


def _measurements(setting: Setting, trainings: dict, peers: dict, sets: dict) -> list[MeasureJob]:
    """Every method on every usable set; ``trainings`` and ``peers``: (task, level) -> job."""
    jobs = []
    for (task, level), ours in trainings.items():
        first = PROTOCOLS[task][0]
        methods = [("ours", ours, protocol) for protocol in PROTOCOLS[task]]
        # a record must not depend on what a user has installed
        methods += [(m, None, first) for m in CLASSICAL[task] if m not in INSTALLED_BY_USERS]
        if (task, level) in peers:
            methods.append((PEER, peers[task, level], first))
        for test in sets[task][0]:
            for method, train, protocol in methods:
                job = MeasureJob(
                    base=setting.base,
                    device=setting.device,
                    method=method,
                    task=task,
                    level=level,
                    test=test,
                    protocol=protocol,
                    train=train,
                )
                jobs.append(job)
    return jobs


def _score_on_v(search: dict) -> float:
    return search["epochs"]["score"][search["best"]]


def _row(job: MeasureJob, row: dict) -> dict:
    """A measurement as a line of the record."""
    numbers = ("n", "psnr", "ssim", "gmsd", "seconds", "parameters")
    return {
        **job.name,
        **{key: row.get(key) for key in numbers},
        "key": row["key"],
        "weights": job.train and job.train.key,
        "preset": row.get("preset", "none"),
        "seed": job.seed,
    }


def findings(record: dict) -> list[str]:
    """Methods as measured, a line each; what a protocol gives; what is left out."""
    lines = [
        f"{'method':<10}{'level':>5}  {'test':<9}{'protocol':<13}{'n':>4}{'PSNR dB':>9}{'SSIM':>8}"
        f"{'GMSD':>8}{'parameters':>11}"
    ]
    for row in record["rows"]:
        level = f"x{row['level']:g}" if row["task"] == "sr" else f"{row['level']:g}"
        lines.append(
            f"{row['method']:<10}{level:>5}  {row['test']:<9}{row['protocol']:<13}{row['n']:>4}"
            f"{row['psnr']:>9.2f}{row['ssim']:>8.4f}{row['gmsd']:>8.4f}"
            f"{row['parameters'] or '-':>11}"
        )
    for gain in record["gains"]:
        lines.append(
            f"{gain['protocol']} instead of {gain['against']} gives our net {gain['mean']:+.3f} dB "
            f"({gain['low']:+.3f} to {gain['high']:+.3f}) at sigma {gain['level']:g}"
        )
    for why in record["left_out"]:
        lines.append(f"left out: {why}")
    return lines
