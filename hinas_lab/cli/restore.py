"""``hinas-lab restore``: a user's photographs through a trained run."""

import argparse
import sys
import time
from functools import partial
from pathlib import Path


def add(subparsers) -> None:
    parser = subparsers.add_parser(
        "restore",
        help="restore your own photographs with a trained run",
        description="Restore photographs with the net of a training run. Prints the estimated noise level and warns "
        "when it is far from what the net was trained for. Gray, colour and 16-bit gray of any size; EXIF "
        "and transparency are kept.",
    )
    parser.add_argument(
        "images",
        nargs="+",
        type=Path,
        metavar="IMAGE",
        help="PNG, JPEG, TIFF, WebP, BMP, GIF or PPM",
    )
    parser.add_argument("--run", required=True, type=Path, metavar="RUN", help="a training run")
    parser.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="FILE|DIR",
        help="a file (.png, .jpg, .tif, .webp), or a folder that gets a NAME.png per image; several "
        "images need a folder, made if missing",
    )
    parser.add_argument(
        "--tile",
        type=int,
        metavar="N",
        help="side of a tile in pixels: less memory, the same values (default: whole if small)",
    )
    parser.set_defaults(run_command=run)


def run(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from hinas_lab.restoration.photo_file import estimate_noise, read_photo, write_photo
    from hinas_lab.restoration.restorer import restore_photo
    from hinas_lab.runs.folder import load_network

    if args.tile is not None and args.tile < 1:
        raise ValueError(f"--tile {args.tile}: must be 1 or more pixels")
    net, info = load_network(args.run, device="cpu")
    for source, target in _checked(args.images, args.out, net.scale):
        photo = read_photo(source)
        noise = estimate_noise(photo.pixels)
        start = time.perf_counter()
        bar = partial(
            tqdm, desc=source.name, unit="tile", leave=False, disable=None
        )  # drawn on a terminal only
        restored = restore_photo(net, photo, tile=args.tile, progress=bar)
        seconds = time.perf_counter() - start
        write_photo(target, restored)
        height, width = photo.pixels.shape[:2]
        size = (
            f"{width} x {height} {photo.bits}-bit {'gray' if photo.pixels.ndim == 2 else 'colour'}"
        )
        print(
            f"{source.name}: {size}, estimated noise {noise:.1f}, {seconds:.1f} s -> {target}",
            flush=True,
        )
        if warning := _far(noise, info["sigmas"]):
            print(f"hinas-lab: warning: {source.name}: {warning}", file=sys.stderr)
    return 0


def _checked(images: list[Path], out: Path, scale: int) -> list[tuple[Path, Path]]:
    """(input, output) pairs, every one of them read and found writable. A new folder is made only
    if all is well."""
    from hinas_lab.restoration.photo_file import check_output, read_photo

    several = len(images) > 1
    if several and out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: is a file; {len(images)} images need a folder")
    pairs = [
        (image, out / f"{image.stem}.png" if several or out.is_dir() else out) for image in images
    ]
    inputs, owner = {image.resolve() for image in images}, {}
    for source, target in pairs:
        if target.resolve() in inputs:
            raise ValueError(
                f"--out {out}: the result of {source} would overwrite the input {target}; choose another"
            )
        if owner.setdefault(target, source) is not source:
            raise ValueError(
                f"--out {out}: {owner[target]} and {source} would both become {target}; use two folders"
            )
    made = several and not out.exists()
    if made:
        out.mkdir(parents=True)
    try:
        for source, target in pairs:
            check_output(target, read_photo(source), scale)
    except BaseException:
        if made:
            out.rmdir()
        raise
    return pairs


def _far(noise: float, sigmas: list[float]) -> str | None:
    """What it means that the noise is outside 0.6 to 1.6 times every noise level of the training;
    None if it is not."""
    if not sigmas or any(0.6 * sigma <= noise <= 1.6 * sigma for sigma in sigmas):
        return None
    nearest = min(sigmas, key=lambda sigma: abs(sigma - noise))
    meaning = "fine detail will be smoothed away" if noise < nearest else "noise will remain"
    return f"estimated noise {noise:.1f} is far from sigma {nearest:g}, for which the net was trained: {meaning}"
