"""Tables 4 and 5: the weight lambda of the SSIM term, from none to ten times the paper's.

One genotype for each task, trained with many seeds.
"""

from dataclasses import replace

from hinas_book.ch07_ablations.findings import of_lambda
from hinas_book.kit.claims import claim
from hinas_book.kit.design import Setting, judge_claim, paired_by_seed, report, train_nets
from hinas_lab.analysis.campaign import Design
from hinas_lab.analysis.statistics import paired
from hinas_lab.presets import preset

LAMBDAS = {"denoise": (0.0, 0.006, 0.06, 0.6, 6.0), "sr": (0.0, 0.006, 0.6)}
METRICS = ("psnr", "ssim", "gmsd")
"the third is nobody's loss: less is better"
CLAIMS = {
    "loss-ssim": ("denoise", "ssim"),
    "loss-psnr": ("denoise", "psnr"),
    "loss-sr-ssim": ("sr", "ssim"),
}
"claim -> where the paper's lambda, 0.6, is held against none"
AGAINST_NONE = ("lambda 0.6", "lambda 0")


def design(setting: Setting) -> Design:
    rows, used, curves, claims = [], [], [], {}
    seeds = range(setting.count(claim("loss-ssim").n))
    for task, lambdas in LAMBDAS.items():
        # one genotype: what differs between the arms is the loss of the training alone
        (searched,) = yield [setting.search(0, task)]
        loss = preset(setting.base, task).train.loss
        nets = []
        for seed in seeds:
            for lam in lambdas:
                columns = {"arm": f"lambda {lam:g}", "seed": seed, "task": task, "lam": lam}
                weighted = replace(loss, lam=lam)
                nets.append((columns, setting.train(searched["genotype"], seed, loss=weighted)))
        new, trained = yield from train_nets(nets)
        # every lambda against none, for the curves; the claims below are about the paper's alone
        for lam in lambdas[1:]:
            for metric in METRICS:
                contrast = paired(paired_by_seed(new, f"lambda {lam:g}", "lambda 0", metric))
                curves.append({"task": task, "lam": lam, "metric": metric, **vars(contrast)})
        for id, (where, metric) in CLAIMS.items():
            if where == task:
                differences = paired_by_seed(new, *AGAINST_NONE, metric)
                claims[id] = judge_claim(id, differences)
        rows += new
        used += [searched, *trained]
    return report("loss", setting, rows, used, claims, against_none=curves)


def judged_since(record: dict) -> dict[str, dict]:
    """Super-resolution's PSNR, which was recorded before anyone registered it."""
    rows = [row for row in record["rows"] if row["task"] == "sr"]
    differences = paired_by_seed(rows, *AGAINST_NONE)
    return {"loss-sr-psnr": judge_claim("loss-sr-psnr", differences)} if differences else {}


def findings(record: dict) -> list[str]:
    return of_lambda(record)


def figure(record: dict):
    from hinas_book.ch07_ablations.figures import figure_loss

    return figure_loss(record)
