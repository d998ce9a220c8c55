"""Trade-off between cost and quality (Figure 14). Published seconds are of one GTX 1080 Ti and never share an axis with ours."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hinas_book.paper.published import paper_table
from hinas_lab.draw import style

SIZE = 55
"points^2 of the marker of a net with a million parameters"


def plot_tradeoff(
    points: Sequence[tuple[str, float, float, float | None]], *, ax: Axes, across: str, up: str
) -> Axes:
    """(method, cost, quality, parameters in millions or None) as marks named beside them; the cost axis is logarithmic. Axes-level. A
    mark's area grows with the parameters; without them it is a small open one. HiNAS is filled and bold."""
    for name, cost, quality, parameters in points:
        ours = "HiNAS" in name
        size = 20 if parameters is None else max(20, min(900, SIZE * parameters))
        ax.scatter(
            [cost],
            [quality],
            s=size,
            facecolor=style.ALPHA if ours else style.PAPER,
            edgecolor=style.ALPHA if ours else style.BETA,
            linewidth=1.4,
            alpha=0.85,
            zorder=3 if ours else 2,
        )
        ax.annotate(
            name,
            (cost, quality),
            xytext=(6, 5),
            textcoords="offset points",
            fontsize=8,
            fontweight="bold" if ours else "normal",
        )
    ax.set(xscale="log", xlabel=across, ylabel=up)
    ax.margins(0.16)
    return ax


def published_points(number: int, quality: str) -> list[tuple[str, float, float, float | None]]:
    """Methods of a table whose seconds and ``quality`` cell are printed and not flagged."""
    out = []
    for row in paper_table(number).rows:
        seconds, cell = row["seconds"], row[quality]
        if (
            seconds.value is not None
            and cell.value is not None
            and not cell.flag
            and not seconds.flag
        ):
            out.append((row["method"].printed, seconds.value, cell.value, row["params_m"].value))
    return out


def figure_tradeoff() -> Figure:
    """Figure 14 and its PSNR twin, from printed numbers alone. Figure-level."""
    figure = Figure(figsize=(11, 7.6), layout="constrained")
    for line, metric in zip(figure.subplots(2, 2), ("ssim", "psnr")):
        told = ("denoising, σ 50, 200 pictures", "×3, BSD100, 100 pictures")
        for ax, number, where, what in zip(line, (10, 11), ("s50", "bsd100"), told):
            unit = "PSNR, dB" if metric == "psnr" else "SSIM"
            plot_tradeoff(
                published_points(number, f"{metric}_{where}"),
                ax=ax,
                across="published seconds, GTX 1080 Ti",
                up=unit,
            )
            ax.set_title(f"Table {number}: {what}", loc="left")
    return figure


def figure_costs(rows: Sequence[Mapping]) -> Figure:
    """Seconds here against multiply-accumulates, of ``study peers``'s rows: one machine, one run, random weights. Figure-level."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    points = [(r["method"], r["macs"] / 1e9, r["seconds"], r["parameters"] / 1e6) for r in rows]
    ax = plot_tradeoff(
        points,
        ax=figure.subplots(),
        across="multiply-accumulates, 10⁹ a picture",
        up="seconds a picture, here",
    )
    ax.set_yscale("log")
    return figure


def published_scores(number: int, place: str, scale: str = "") -> dict[str, tuple[float, float]]:
    """Method -> (PSNR in dB, SSIM) as printed at ``place``, e.g. bsd100, and ``scale``, e.g. ×4; rows with a flag there are left out."""
    rows = [r for r in paper_table(number).rows if not scale or r["scale"].printed == scale]
    both = {
        r["method"].printed: (r[f"psnr_{place}"], r[f"ssim_{place}"])
        for r in rows
        if r["method"].printed != "Comparison"
    }
    return {
        name: (p.value, s.value)
        for name, (p, s) in both.items()
        if None not in (p.value, s.value) and not p.flag + s.flag
    }


def figure_scores(
    points: Mapping[str, tuple[float, float]], named: Sequence[str] = (), what: str = ""
) -> Figure:
    """Method -> (PSNR in dB, SSIM): do both say the same? HiNAS is filled and named, the others where ``named`` has them. Figure-level."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    ax = figure.subplots()
    for name, (psnr, ssim) in points.items():
        ours = "HiNAS" in name
        colour = style.ALPHA if ours else style.BETA
        ax.plot(psnr, ssim, "o", color=colour, markerfacecolor=colour if ours else style.PAPER)
        if ours or name in named:
            ax.annotate(
                name,
                (psnr, ssim),
                xytext=(-6, 4) if ours else (6, -8),
                textcoords="offset points",
                fontsize=8,
                ha="right" if ours else "left",
                fontweight="bold" if ours else "normal",
            )
    ax.set(xlabel=f"PSNR in dB{what}", ylabel=f"SSIM{what}")
    ax.margins(0.12)
    return figure
