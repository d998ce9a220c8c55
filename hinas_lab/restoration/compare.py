"""A trained net beside classical denoisers: same images, same noise, one protocol."""

from collections.abc import Iterator

from hinas_lab.images.datasets.catalog import read_images
from hinas_lab.images.protocol import Protocol
from hinas_lab.restoration.classical import METHODS, classical
from hinas_lab.restoration.measure import Measurement, evaluate, mean
from hinas_lab.restoration.restorer import restore_array
from hinas_lab.space.network import Network

COMPARED = ("noisy", *METHODS, "ours")


def compare(
    net: Network, sigma: float, protocol: Protocol, data: str = "builtin", device: str = "cpu"
) -> Iterator[Measurement]:
    """Rows of noisy, tv, wavelet, nl_means (each tuned on training photographs for ``sigma``, 0-255 scale) and ``net``, image by image."""
    images = read_images(data, "test")
    for method in COMPARED:
        ours = method == "ours"
        restore = (
            (lambda image: restore_array(net, image, clip=False, device=device))
            if ours
            else classical(method, "denoise", sigma)
        )
        yield from evaluate(method, restore, images, sigma, protocol)


def totals(rows: list[Measurement]) -> dict[str, dict[str, float]]:
    """Method -> means over images (``evaluate.mean``), in the order of the rows. ValueError for rows of several protocols or levels: they
    do not belong in one table."""
    mean(rows)
    return {
        m: mean([r for r in rows if r.method == m]) for m in dict.fromkeys(r.method for r in rows)
    }


def comparison_table(rows: list[Measurement], parameters: int) -> str:
    """The means as text, a line per method; ``parameters`` of the method called ours."""
    lines = [f"{'method':<10} {'PSNR dB':>8} {'SSIM':>7} {'s/image':>8} {'parameters':>11}"]
    for method, t in totals(rows).items():
        count = f"{parameters:,}" if method == "ours" else "-"
        took = "-" if method == "noisy" else f"{t['seconds']:.2f}"
        lines.append(f"{method:<10} {t['psnr']:>8.2f} {t['ssim']:>7.4f} {took:>8} {count:>11}")
    return "\n".join(lines)
