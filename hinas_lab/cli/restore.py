"""``hinas-lab restore``: a user's photographs through a trained run."""

import argparse
import time
from functools import partial
from pathlib import Path

from hinas_lab.cli.common import add_machine_options, use_machine
from hinas_lab.cli.main import say


def add(commands):
    parser = commands.add_parser(
        "restore",
        help="restore your own photographs with a trained run",
        description="Restore photographs with the net of a training run. Prints the estimated "
        "noise level and warns when it is far from what the net was trained for. Gray, colour and "
        "16-bit gray of any size; EXIF and transparency are kept. A bad image is named and left "
        "out: the others are restored, and the exit code is 2.",
    )
    parser.add_argument(
        "images",
        nargs="+",
        type=Path,
        metavar="IMAGE",
        help="PNG, JPEG, TIFF, WebP, AVIF, BMP, GIF or PPM; HEIC with the extra heic",
    )
    parser.add_argument("--run", required=True, type=Path, metavar="RUN", help="a training run")
    parser.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="FILE|DIR",
        help="a file (.png, .jpg, .tif, .webp), or a folder that gets a NAME.png per image; "
        "several images need a folder, made if missing",
    )
    parser.add_argument(
        "--tile",
        type=int,
        metavar="N",
        help="side of a tile in pixels: less memory, the same values (default: whole if small)",
    )
    add_machine_options(parser, seed=False)
    parser.set_defaults(run_command=run)


def run(args: argparse.Namespace) -> int:
    from hinas_lab.restoration.photo_file import noise_warning
    from hinas_lab.runs.folder import load_network

    if args.tile is not None and args.tile < 1:
        raise ValueError(f"--tile {args.tile}: must be 1 or more pixels")
    device = use_machine(args)
    net, info = load_network(args.run, device)
    source_of = _sources(args.images, args.out)
    bad = _bad_files(source_of, args.out, net.scale)
    for target, source in source_of.items():
        if source in bad:
            continue
        try:
            noise, line = _restore(net, source, target, args.tile, device)
        except (ValueError, OSError) as error:
            bad.append(source)
            _go_on(error, len(source_of))
            continue
        # a line as each photograph is done, also into a pipe; a reader that left is no bad image
        print(line, flush=True)
        warning = noise_warning(noise, info["sigmas"] if info["task"] == "denoise" else [])
        if warning:
            say(f"hinas-lab: warning: {source.name}: {warning}")
    if bad:
        names = ", ".join(map(str, bad))
        say(f"hinas-lab: error: {len(bad)} of {len(source_of)} images not restored: {names}")
    return 2 if bad else 0


def _go_on(error: ValueError | OSError, images: int):
    """One bad image does not stop a batch; a single one is the command's own error."""
    if images == 1:
        raise error
    say(f"hinas-lab: error: {error}")


def _restore(net, source: Path, target: Path, tile: int | None, device: str) -> tuple[float, str]:
    """Restore one photograph: the estimated noise of the input, 0-255 scale, and a line on it."""
    from tqdm import tqdm

    from hinas_lab.restoration.photo_file import estimate_noise, read_photo, write_photo
    from hinas_lab.restoration.restorer import restore_photo

    photo = read_photo(source)
    noise = estimate_noise(photo.pixels)
    start = time.perf_counter()
    # disable=None: drawn on a terminal only
    bar = partial(tqdm, desc=source.name, unit="tile", leave=False, disable=None)
    restored = restore_photo(net, photo, tile=tile, device=device, progress=bar)
    seconds = time.perf_counter() - start
    write_photo(target, restored)
    height, width = photo.pixels.shape[:2]
    colour = "gray" if photo.pixels.ndim == 2 else "colour"
    line = (
        f"{source.name}: {width} x {height} {photo.bits}-bit {colour}, "
        f"estimated noise {noise:.1f}, {seconds:.1f} s -> {target}"
    )
    return noise, line


def _sources(images: list[Path], out: Path) -> dict[Path, Path]:
    """Output -> input, for every image. ValueError where an output would replace an input or
    another output."""
    several = len(images) > 1
    if several and out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: is a file; {len(images)} images need a folder")
    into_folder = several or out.is_dir()
    inputs = {image.resolve() for image in images}
    source_of = {}
    for source in images:
        target = out / f"{source.stem}.png" if into_folder else out
        if target.resolve() in inputs:
            raise ValueError(
                f"--out {out}: the result of {source} would overwrite the input {target}; "
                "choose another"
            )
        if target in source_of:
            raise ValueError(
                f"--out {out}: {source_of[target]} and {source} would both become {target}; "
                "use two folders"
            )
        source_of[target] = source
    return source_of


def _bad_files(source_of: dict[Path, Path], out: Path, scale: int) -> list[Path]:
    """Every input is read and every output found writable, before the first is restored: the inputs
    that are not, each with a line. A missing folder for several images is made where one is
    good."""
    from hinas_lab.restoration.photo_file import check_output, read_photo

    new = len(source_of) > 1 and not out.exists()
    if new:
        out.mkdir(parents=True)
    bad = []
    try:
        for target, source in source_of.items():
            try:
                check_output(target, read_photo(source), scale)
            except (ValueError, OSError) as error:
                bad.append(source)
                _go_on(error, len(source_of))
    except BaseException:  # Ctrl-C too leaves no empty folder
        if new:
            out.rmdir()
        raise
    if new and len(bad) == len(source_of):
        out.rmdir()
    return bad
