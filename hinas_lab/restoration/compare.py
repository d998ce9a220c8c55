"""A trained net beside classical denoisers: same images, same noise, one protocol."""

from collections.abc import Iterator

import numpy as np

from hinas_lab.images.datasets.catalog import read_images
from hinas_lab.images.metrics import measured_metrics
from hinas_lab.images.protocol import Protocol
from hinas_lab.restoration.classical import METHODS, classical
from hinas_lab.restoration.measure import Measurement, evaluate, mean
from hinas_lab.restoration.restorer import restore_array
from hinas_lab.space.network import Network
from hinas_lab.training.numerics import use_device

COMPARED = ("noisy", *METHODS, "ours")


def compare(
    net: Network, sigma: float, protocol: Protocol, data: str = "builtin", device: str = "cpu"
) -> Iterator[Measurement]:
    """Rows of noisy, tv, wavelet, nl_means and ``net`` (called ours), image by image.

    The classical denoisers are tuned on training photographs for ``sigma`` (0-255 scale).
    """
    device = use_device(device)
    images = read_images(data, "test")

    def ours(image: np.ndarray) -> np.ndarray:
        return restore_array(net, image, clip=False, device=device)

    for method in COMPARED:
        restore = ours if method == "ours" else classical(method, "denoise", sigma)
        yield from evaluate(method, restore, images, sigma, protocol)


def totals(rows: list[Measurement]) -> dict[str, dict[str, float]]:
    """Method -> means over images (``measure.mean``), in the order of the rows.

    ValueError for rows of several protocols or levels: they do not belong in one table.
    """
    mean(rows)  # refuses what does not belong together
    by_method: dict[str, list[Measurement]] = {}
    for row in rows:
        by_method.setdefault(row.method, []).append(row)
    return {method: mean(own) for method, own in by_method.items()}


def comparison_table(rows: list[Measurement], parameters: int) -> str:
    """The means as text, a line per method; ``parameters`` of the method called ours."""
    columns = [(metric, max(7, len(metric.title) + 1)) for metric in measured_metrics()]
    titles = " ".join(f"{metric.title:>{width}}" for metric, width in columns)
    lines = [f"{'method':<10} {titles} {'s/image':>8} {'parameters':>11}"]
    for method, means in totals(rows).items():
        values = " ".join(f"{means[m.name]:>{width}.{m.digits}f}" for m, width in columns)
        seconds = "-" if method == "noisy" else f"{means['seconds']:.2f}"
        count = f"{parameters:,}" if method == "ours" else "-"
        lines.append(f"{method:<10} {values} {seconds:>8} {count:>11}")
    return "\n".join(lines)
