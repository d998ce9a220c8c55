"""Tables 4 and 5: the weight lambda of the SSIM term, from none to ten times the paper's, of one genotype trained with many seeds."""

from dataclasses import replace

from hinas_book.ch07_ablations.findings import of_lambda
from hinas_book.kit.claims import claim
from hinas_book.kit.design import Setting, judge_claim, net_row, paired_by_seed, report
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.statistics import paired
from hinas_lab.config import preset

LAMBDAS = {"denoise": (0.0, 0.006, 0.06, 0.6, 6.0), "sr": (0.0, 0.006, 0.6)}
METRICS = ("psnr", "ssim", "gmsd")
"the third is nobody's loss: less is better"


def design(setting: Setting) -> Design:
    rows, used, curves = [], [], []
    for task, lambdas in LAMBDAS.items():
        seeds = range(setting.count(claim("loss-ssim").n))
        (found,) = yield [setting.search(0, task)]
        loss = preset(setting.base, task).train.loss
        jobs = {
            (lam, seed): setting.train(found["genotype"], seed, loss=replace(loss, lam=lam))
            for seed in seeds
            for lam in lambdas
        }
        trained = dict(zip(jobs, (yield list(jobs.values()))))
        mine = [
            net_row(f"lambda {lam:g}", seed, row, task=task, lam=lam)
            for (lam, seed), row in trained.items()
        ]
        for lam in lambdas[1:]:
            for metric in METRICS:
                contrast = paired(paired_by_seed(mine, f"lambda {lam:g}", "lambda 0", metric))
                curves.append({"task": task, "lam": lam, "metric": metric, **vars(contrast)})
        rows += mine
        used += [found, *trained.values()]
    of = lambda task, metric: paired_by_seed(
        [r for r in rows if r["task"] == task], "lambda 0.6", "lambda 0", metric
    )  # noqa: E731
    claims = {
        "loss-ssim": judge_claim("loss-ssim", of("denoise", "ssim")),
        "loss-psnr": judge_claim("loss-psnr", of("denoise", "psnr")),
        "loss-sr-ssim": judge_claim("loss-sr-ssim", of("sr", "ssim")),
    }
    return report("loss", setting, rows, used, claims, against_none=curves)


def findings(record: dict) -> list[str]:
    return of_lambda(record)
