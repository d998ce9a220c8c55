"""What is measured, and on which pictures: for ``evaluate`` and ``study protocol``."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hinas_lab.cli.common import use_machine
from hinas_lab.images.datasets.catalog import named_files, read_images
from hinas_lab.images.protocol import Protocol, Restore
from hinas_lab.images.tasks import TASKS
from hinas_lab.restoration.classical import CLASSICAL, METHODS, classical
from hinas_lab.restoration.measure import usual_level


class Method(NamedTuple):
    """A trained run, a user's own weights, or a method of ``restoration.classical``."""

    name: str
    task: str
    trained_on: str | None = None
    "data set; classical denoisers are tuned on the built-in photographs"
    net: Restore | None = None
    stamp: dict = {}
    """preset, seed, parameters and the weights' digest of a run; of a user's weights architecture,
    parameters and digest"""
    channels: int = 1
    scale: int = 1
    sigmas: tuple[float, ...] = ()

    def restore(self, level: float) -> Restore:
        """The method at a sigma or scale."""
        return self.net or classical(self.name, self.task, level)


def method_of(args) -> Method:
    """The run in a folder, a file of weights, or a classical method.

    ``args.device`` becomes the device that is used.
    """
    names = sum(map(list, CLASSICAL.values()), [])
    if args.method in names:
        args.device = "cpu"
        return Method(
            args.method,
            "sr" if args.method in CLASSICAL["sr"] else "denoise",
            "builtin" if args.method in METHODS else None,
        )
    if not Path(args.method).exists():
        raise ValueError(
            f"method = {args.method!r}: neither a run folder nor one of {', '.join(names)}"
        )
    if Path(args.method).is_file():
        return _foreign(args)
    from hinas_lab.restoration.restorer import restore_array
    from hinas_lab.runs.folder import load_network

    args.device = use_machine(args)
    net, info = load_network(args.method, args.device)
    stamp = {key: info[key] for key in ("preset", "seed", "parameters")}
    stamp["weights"] = _digest(Path(args.method) / "best.safetensors")
    return Method(
        args.method,
        task=info["task"],
        trained_on=info["data"],
        # not clipped: clipping is the protocol's, after overlapping crops are averaged
        net=lambda image: restore_array(net, image, clip=False, device=args.device),
        stamp=stamp,
        channels=info["channels"],
        scale=net.scale,
        sigmas=tuple(info["sigmas"]),
    )


def _foreign(args) -> Method:
    from hinas_lab.restoration.foreign import load_foreign
    from hinas_lab.restoration.restorer import restore_array

    args.device = use_machine(args)
    net = load_foreign(args.method, args.device)
    stamp = {
        "architecture": net.architecture,
        "parameters": net.parameter_count,
        "weights": _digest(Path(args.method)),
    }

    def restore(image: np.ndarray) -> np.ndarray:
        # in one piece: how far such a net sees is not known
        whole = max(image.shape)
        return restore_array(net, image, tile=whole, clip=False, device=args.device)

    return Method(
        args.method,
        task="denoise" if net.scale == 1 else "sr",
        net=restore,
        stamp=stamp,
        channels=net.channels,
        scale=net.scale,
    )


def _digest(file: Path) -> str:
    """Sixteen hex digits of a file's SHA-256."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def level_of(
    method: Method, protocol: Protocol, sigma: float | None, scale: int | None
) -> float | int:
    """Sigma (0-255 scale) or scale, as asked or else the method's own, checked against the method
    and the protocol.

    ValueError in one line for what does not fit together.
    """
    if method.task != protocol.task:
        raise ValueError(
            f"protocol {protocol.name} is for {protocol.task}, {method.name} for {method.task}"
        )
    has_levels = TASKS[method.task].has_levels
    return _sigma_of(method, sigma, scale) if has_levels else _scale_of(method, sigma, scale)


def _sigma_of(method: Method, sigma: float | None, scale: int | None) -> float:
    if scale is not None:
        raise ValueError(
            f"--scale {scale}: {method.name} is for {TASKS[method.task].title}; "
            "leave --scale out, or choose bicubic or a super-resolution run"
        )
    if sigma is None:
        sigma = usual_level(method.sigmas)
    if not 0 <= sigma <= 255:
        raise ValueError(f"sigma = {sigma}: must be from 0 to 255")
    return sigma


def _scale_of(method: Method, sigma: float | None, scale: int | None) -> int:
    if sigma is not None:
        raise ValueError(f"--sigma {sigma:g}: super-resolution adds no noise; leave --sigma out")
    if method.net is None and scale is None:
        raise ValueError("--scale is missing: 2, 3 or 4")
    if scale is None:
        scale = method.scale
    if scale not in (2, 3, 4):
        raise ValueError(f"scale = {scale}: must be 2, 3 or 4")
    if method.net is not None and scale != method.scale:
        raise ValueError(f"--scale {scale}: the net of {method.name} upscales by {method.scale}")
    return scale


def trained_on_them(method: Method, dataset: str) -> int:
    """How many test images of ``dataset`` are the very files that a run was trained on; 0 when its
    training data is no longer there.

    Copies of them are found by ``hinas-lab data audit``.
    """
    if method.trained_on is None:
        return 0
    try:
        train = {f.resolve() for f in named_files(method.trained_on, "train").values()}
    except (ValueError, OSError):
        return 0
    return sum(f.resolve() in train for f in named_files(dataset, "test").values())


def check_json(path: Path | None):
    """ValueError when a JSON file could not be written there: ask before a long computation."""
    if path and not path.resolve().parent.is_dir():
        raise ValueError(f"--json {path}: its folder does not exist")
    if path and path.is_dir():
        raise ValueError(f"--json {path}: is a folder; name a file")


def pictures(dataset: str, limit: int | None) -> tuple[Mapping[str, np.ndarray], str]:
    """The first ``limit`` test images of a data set by name (uint8, as stored), and a digest of the
    names, sizes and times of all its files: when it changes, rows of an earlier stop no longer
    count."""
    if limit is not None and limit < 1:
        raise ValueError(f"limit = {limit}: must be at least 1")
    images, files = read_images(dataset, "test"), named_files(dataset, "test").values()
    stats = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    # after the digest, which is of all files: the rows of a smaller --limit go on counting
    if limit is not None:
        images = {name: images[name] for name in list(images)[:limit]}
    return images, hashlib.sha256(repr(stats).encode()).hexdigest()[:16]
