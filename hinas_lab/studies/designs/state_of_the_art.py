"""Tables 10 to 12: what can be measured here under the tables' protocols, on the tables' pictures: our nets, classical methods, and a peer
trained with our budget. Published rows are not touched; they stand beside these in ``figures table10``."""

from dataclasses import dataclass
from pathlib import Path

from hinas_lab.engine.baselines import CLASSICAL, INSTALLED_BY_USERS, classical
from hinas_lab.images.catalog import locate
from hinas_lab.images.protocol import Restore
from hinas_lab.studies.campaign import Design
from hinas_lab.studies.designs.common import Setting, report
from hinas_lab.studies.jobs import Job, TrainJob, content, measure, work
from hinas_lab.studies.leaks import refuse_leaks
from hinas_lab.studies.peers import peer

SIGMAS, SCALES = (30.0, 50.0, 70.0), (2, 3, 4)
SETS = {"denoise": ("BSDS500",), "sr": ("Set5", "Set14", "BSD100", "Urban100")}
PROTOCOLS = {"denoise": ("whole", "authors-eval"), "sr": ("sr-standard",)}
"of our nets; other methods are measured under the first"
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
            name: self.ours.spec[name] for name in ("preset", "data", "data_hash", "device", "train")}

    def run(self, folder: Path) -> dict:
        from hinas_lab.engine.runs import open_peer
        from hinas_lab.studies.peer_training import first_net

        g = self.ours.net
        run = open_peer(folder / self.key, self.method, lambda: first_net(peer(self.method, g.task), g.scale, self.seed), self.ours.train,
                        task=g.task, scale=g.scale, channels=1, preset=self.preset.name, data=self.data, device=self.device, resume=True)
        for _ in run.steps():
            pass
        return {"parameters": sum(p.numel() for p in peer(self.method, g.task).build(g.scale).parameters())}

    def restore(self, folder: Path) -> Restore:
        from hinas_lab.engine.restore import restore_array
        from hinas_lab.engine.runs import load_weights

        chosen, scale = peer(self.method, self.ours.net.task), self.ours.net.scale
        net = chosen.build(scale)
        load_weights(net, folder / self.key / "best.safetensors")
        net.channels, net.scale, net.radius = chosen.channels, scale, 0  # radius: pictures pass in one piece
        net = net.to(self.device).eval()
        return lambda image: restore_array(net, image, tile=max(image.shape), clip=False, device=self.device)


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
        return {"kind": self.kind, "method": self.method, "task": self.task, "level": self.level, "test": self.test,
                "protocol": self.protocol, "train": self.train and self.train.spec}

    def run(self, folder: Path) -> dict:
        trained = {}
        if self.train is None:
            restore = classical(self.method, self.task, self.level)
        else:
            trained = {"preset": self.train.preset.name, "parameters": work(self.train, folder)["parameters"]}
            restore = self.train.restore(folder)
        return trained | {"protocol": self.protocol, **measure(restore, self.level, self.test, self.protocol)}


def here(names: tuple[str, ...], data: str) -> list[str]:
    """Those of the data sets that lie on this machine. FileNotFoundError names the command when none does, ValueError a leak."""
    found, problem = [], None
    for name in names:
        try:
            locate(name)
        except FileNotFoundError as error:
            problem = problem or error
        else:
            refuse_leaks(data, name)
            found.append(name)
    if not found:
        raise problem
    return found


def design(setting: Setting) -> Design:
    sets = {task: here(names, setting.data) for task, names in SETS.items()}
    searches = {("denoise", 1): setting.search(0)} | {("sr", s): setting.search(0, "sr", scale=s) for s in SCALES}
    found = dict(zip(searches, (yield list(searches.values()))))
    trainings = {("denoise", s): setting.train(found["denoise", 1]["genotype"], sigmas=(s,)) for s in SIGMAS}
    trainings |= {("sr", float(s)): setting.train(found["sr", s]["genotype"], 0, "sr") for s in SCALES}
    peers = {at: PeerJob(base=setting.base, data=setting.data, device=setting.device, method=PEER, ours=job)
             for at, job in trainings.items() if at[0] == "sr"}
    trained = yield [*trainings.values(), *peers.values()]
    jobs = []
    for (task, level), job in trainings.items():
        methods = [("ours", job, PROTOCOLS[task])]
        methods += [(name, None, PROTOCOLS[task][:1]) for name in CLASSICAL[task] if name not in INSTALLED_BY_USERS]
        methods += [(PEER, peers[task, level], PROTOCOLS[task][:1])] if (task, level) in peers else []
        jobs += [MeasureJob(base=setting.base, device=setting.device, method=method, task=task, level=level, test=test, protocol=name,
                            train=train) for test in sets[task] for method, train, names in methods for name in names]
    done = yield jobs
    rows = []
    for job, row in zip(jobs, done):
        rows.append({"method": job.method, "task": job.task, "level": job.level, "test": job.test, "protocol": job.protocol,
                     **{k: row.get(k) for k in ("n", "psnr", "ssim", "gmsd", "seconds", "parameters")},
                     "key": row["key"], "weights": job.train and job.train.key,
                     "preset": row.get("preset", "none"), "seed": job.seed})
    absent = [name for task, names in SETS.items() for name in names if name not in sets[task]]
    return report("state-of-the-art", setting, rows, [*found.values(), *trained, *done], {}, absent=absent,
                  data_hash=content(setting.data, 1, 1), genotypes={f"{t} x{s}": r["genotype"] for (t, s), r in found.items()})
